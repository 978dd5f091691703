using System.Net;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Options;

/// <summary>What the load client was asked to do; declared in <see cref="LoadOptionDeclarations"/>.</summary>
internal sealed record LoadOptions
{
    /// <summary>How long the run lasts where neither <c>--duration</c> nor <c>--packets</c> says it.</summary>
    public static readonly TimeSpan DefaultDuration = TimeSpan.FromSeconds(10);

    public const string DefaultPayload = "1234512345123451234512345"; // the article's payload: 25 bytes, so that a packet has 32
    public string Host { get; init; } = "127.0.0.1"; // the server's name or address
    public int Port { get; init; } = 9999;
    public TransportChoice Transport { get; init; } = TransportChoice.Auto;
    public int Connections { get; init; } = 10_000;
    public PayloadShape Payload { get; init; } = PayloadShape.Of(DefaultPayload);
    public int PacketsPerWrite { get; init; } = 1;

    public long? Rate { get; init; } // packets a second in total, open loop; null = as fast as the server takes them
    public TimeSpan? Duration { get; init; } = DefaultDuration; // how long to send with all connections made; null = until Packets are sent
    public long? Packets { get; init; } // packets to send in total, over all connections; null = as many as the duration allows
    public int? RampUp { get; init; } // new connections a second; null = as fast as the server accepts them
    public SplitMode? Split { get; init; } // where writes are cut into pieces; null = nowhere
    public IReadOnlyList<IPAddress> Sources { get; init; } = []; // local addresses to connect from, in turn; empty = the system's choice
    public bool Tls { get; init; }

    /// <summary>PEM file of the CAs that may have signed the server's certificate; null = those that this machine trusts.</summary>
    public string? TlsCaFile { get; init; }

    public string? TlsCertificateFile { get; init; } // the client's own certificate, PEM or PFX; null = none
    public string? TlsKeyFile { get; init; } // the key of a certificate in PEM; null = in the same file
    public Uri? Verify { get; init; } // the server's admin address, to compare what was sent with what it processed; null = not compared
    public AbuseOptions? Abuse { get; init; } // the attack beside the ordinary load; null = none
    public int Seed { get; init; } // makes the sizes of the packets and the cuts in writes reproducible
    public int EventLoops { get; init; } = Environment.ProcessorCount;

    public LogDirectory LogDirectory { get; init; } = LogDirectory.Default;
    public string? JsonFile { get; init; } // where the JSON report goes; null = nowhere
    public string? HtmlFile { get; init; } // where the HTML report goes; null = nowhere
}
