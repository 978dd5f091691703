using System.Net;
using DotNettyFraming.Codec;
using DotNettyFraming.CommandLine;

namespace DotNettyFraming.Server.Hosting;

/// <summary>What the server was asked to do; data only. The command line declares where each value comes from.</summary>
internal sealed record ServerOptions
{
    /// <summary>The address to listen on; null is <c>any</c>, IPv4 and IPv6.</summary>
    public IPAddress? Address { get; init; }

    /// <summary>The TCP port; 0 picks a free one.</summary>
    public int Port { get; init; } = 9999;

    /// <summary>What carries the connections.</summary>
    public TransportChoice Transport { get; init; } = TransportChoice.Auto;

    /// <summary>Event-loop threads that serve connections; one more accepts them.</summary>
    public int EventLoops { get; init; } = Environment.ProcessorCount;

    /// <summary>Connections that the kernel keeps waiting to be accepted. The kernel caps it at <c>somaxconn</c>.</summary>
    public int Backlog { get; init; } = 4096;

    /// <summary>The longest payload accepted, in bytes.</summary>
    public int MaxPayloadBytes { get; init; } = PacketHeader.MaxPayloadLength;

    /// <summary>Packets between two lines of progress; 0 is never.</summary>
    public long ReportEvery { get; init; } = 1_000_000;

    /// <summary>Simulated processing time of a packet; zero is the counting processor.</summary>
    public TimeSpan Work { get; init; }

    /// <summary>How long an orderly stop may take. <c>docker stop</c> kills after 10 s.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>The server's certificate, PEM or PFX; null is no TLS.</summary>
    public string? TlsCertificateFile { get; init; }

    /// <summary>The certificate's key, PEM; null where it is in the certificate's file.</summary>
    public string? TlsKeyFile { get; init; }

    /// <summary>The CAs that may have signed clients' certificates, PEM; null asks clients for none.</summary>
    public string? TlsClientCaFile { get; init; }

    /// <summary>How long a TLS handshake may take, from when the connection is accepted.</summary>
    public TimeSpan TlsHandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
