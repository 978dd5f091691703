using System.Net;
using DotNettyFraming.CommandLine;
using DotNettyFraming.CommandLine.Logging;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Options;

/// <summary>What the load client was asked to do; declared in <see cref="LoadOptionDeclarations"/>.</summary>
internal sealed record LoadOptions
{
    /// <summary>How long the run lasts where neither <c>--duration</c> nor <c>--packets</c> says it.</summary>
    public static readonly TimeSpan DefaultDuration = TimeSpan.FromSeconds(10);

    /// <summary>The article's payload: 25 bytes, so that a packet has 32.</summary>
    public const string DefaultPayload = "1234512345123451234512345";

    /// <summary>The server's name or address.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The server's TCP port.</summary>
    public int Port { get; init; } = 9999;

    /// <summary>What carries the connections.</summary>
    public TransportChoice Transport { get; init; } = TransportChoice.Auto;

    /// <summary>Connections asked for.</summary>
    public int Connections { get; init; } = 10_000;

    /// <summary>What every packet carries.</summary>
    public PayloadShape Payload { get; init; } = PayloadShape.Of(DefaultPayload);

    /// <summary>Packets glued into one write.</summary>
    public int PacketsPerWrite { get; init; } = 1;

    /// <summary>Packets a second in total, open loop; null = as fast as the server takes them.</summary>
    public long? Rate { get; init; }

    /// <summary>How long to send with all connections made; null = until <see cref="Packets"/> are sent.</summary>
    public TimeSpan? Duration { get; init; } = DefaultDuration;

    /// <summary>Packets to send in total, over all connections; null = as many as the duration allows.</summary>
    public long? Packets { get; init; }

    /// <summary>New connections a second; null = as fast as the server accepts them.</summary>
    public int? RampUp { get; init; }

    /// <summary>Where writes are cut into pieces; null = nowhere.</summary>
    public SplitMode? Split { get; init; }

    /// <summary>Local addresses to connect from, in turn; empty = the system's choice.</summary>
    public IReadOnlyList<IPAddress> Sources { get; init; } = [];

    /// <summary>Whether connections are encrypted.</summary>
    public bool Tls { get; init; }

    /// <summary>PEM file of the CAs that may have signed the server's certificate; null = those that this machine trusts.</summary>
    public string? TlsCaFile { get; init; }

    /// <summary>The client's own certificate, PEM or PFX; null = none.</summary>
    public string? TlsCertificateFile { get; init; }

    /// <summary>The key of a certificate in PEM; null = in the same file.</summary>
    public string? TlsKeyFile { get; init; }

    /// <summary>The server's admin address, to compare what was sent with what it processed; null = not compared.</summary>
    public Uri? Verify { get; init; }

    /// <summary>The attack beside the ordinary load; null = none.</summary>
    public AbuseOptions? Abuse { get; init; }

    /// <summary>Makes the sizes of the packets and the cuts in writes reproducible.</summary>
    public int Seed { get; init; }

    /// <summary>Event-loop threads.</summary>
    public int EventLoops { get; init; } = Environment.ProcessorCount;

    /// <summary>The directory of the log's files.</summary>
    public LogDirectory LogDirectory { get; init; } = LogDirectory.Default;

    /// <summary>Where the JSON report goes; null = nowhere.</summary>
    public string? JsonFile { get; init; }

    /// <summary>Where the HTML report goes; null = nowhere.</summary>
    public string? HtmlFile { get; init; }
}
