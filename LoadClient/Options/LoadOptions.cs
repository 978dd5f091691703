using System.Net;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Options;

/// <summary>The options of a run; declared in <see cref="LoadOptionDeclarations"/>.</summary>
internal sealed record LoadOptions
{
    public const string DefaultPayload = "1234512345123451234512345"; // 25 bytes, so that a packet has 32

    /// <summary>The duration without <c>--duration</c> and <c>--packets</c>.</summary>
    public static readonly TimeSpan DefaultDuration = TimeSpan.FromSeconds(10);

    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The path of the server's Unix socket; null if <see cref="Host"/> is a name or an address.</summary>
    public string? UnixPath => Host.StartsWith("unix:", StringComparison.Ordinal) ? Host["unix:".Length..] : null;

    public int Port { get; init; } = 9999;
    public TransportChoice Transport { get; init; } = TransportChoice.Auto;
    public int Connections { get; init; } = 10_000;
    public PayloadShape Payload { get; init; } = PayloadShape.Of(DefaultPayload);
    public HeaderLayout Header { get; init; } = HeaderLayout.Default;
    public int PacketsPerWrite { get; init; } = 1;

    public long? Rate { get; init; } // packets per second in total, open loop; null = as fast as the server accepts
    public TimeSpan? Duration { get; init; } = DefaultDuration; // from when all connections are made; null = until Packets are sent
    public long? Packets { get; init; } // in total over all connections; null = as many as the duration allows
    public int? RampUp { get; init; } // new connections per second; null = as fast as the server accepts
    public SplitMode? Split { get; init; }
    public bool Serial { get; init; } // connection and packet number at the start of each payload
    public string? RawFile { get; init; } // the packet to send; null = header and payload
    public bool Ack { get; init; } // read acknowledgements
    public bool Reconnect { get; init; }
    public string? AckLogFile { get; init; }
    public IReadOnlyList<IPAddress> Sources { get; init; } = []; // local addresses, in turn; empty = the system's choice
    public bool Tls { get; init; }
    public string? TlsCaFile { get; init; } // null = the CAs that this machine trusts
    public string? TlsCertificateFile { get; init; } // the client's own; null = none
    public string? TlsKeyFile { get; init; } // null = in the certificate's file
    public Uri? Verify { get; init; } // the server's admin address; null = not verified
    public AbuseOptions? Abuse { get; init; }
    public int Seed { get; init; } // makes packet sizes, cuts and hostile bytes reproducible
    public int EventLoops { get; init; } = Environment.ProcessorCount;
    public LogDirectory LogDirectory { get; init; } = LogDirectory.Default;
    public string? JsonFile { get; init; }
    public string? HtmlFile { get; init; }
}
