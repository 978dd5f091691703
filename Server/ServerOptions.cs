using System.Net;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Admin;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Pipeline.Proxy;

namespace DotNettyFraming.Server;

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

    /// <summary>Connections that may be open; more are closed at once.</summary>
    public int MaxConnections { get; init; } = DefaultMaxConnections(OpenFileLimit.Read());

    /// <summary>Connections that one IPv4 address or IPv6 /64 may have open; 0 = no limit.</summary>
    public int MaxConnectionsPerIp { get; init; }

    /// <summary>How long a peer may send nothing; zero is for ever.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>How long a packet may take from its first byte to its last; zero is for ever.</summary>
    public TimeSpan PacketTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a peer may take none of the bytes that wait to be sent to it; zero is forever.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Bytes that may be held, as allocated, for packets that are not whole yet, over all connections.</summary>
    public long MaxBufferedBytes { get; init; } = DefaultMaxBufferedBytes(MemoryLimit.Bytes);

    /// <summary>Memory that this process may use, bytes.</summary>
    public long MemoryBytes { get; init; } = MemoryLimit.Bytes;

    /// <summary>Bytes that may wait to be processed per event loop: 32 MiB, or its share of a quarter of the memory.</summary>
    public long MaxPendingBytes => Math.Min(BackPressure.MaxLoopMark, MemoryBytes / 4 / EventLoops);

    /// <summary>Whether connections begin with a PROXY header.</summary>
    public ProxyProtocol ProxyProtocol { get; init; } = ProxyProtocol.Off;

    /// <summary>The networks of the balancers that may send PROXY headers.</summary>
    public IReadOnlyList<IPNetwork> ProxyTrusted { get; init; } = [];

    /// <summary>Packets between two lines of progress; 0 is never.</summary>
    public long ReportEvery { get; init; } = 1_000_000;

    /// <summary>Simulated processing time of a packet; zero is the counting processor.</summary>
    public TimeSpan Work { get; init; }

    /// <summary>Where the admin port listens, port 0 picking a free one; null is off.</summary>
    public IPEndPoint? Admin { get; init; } = new(IPAddress.Loopback, 9998);

    /// <summary>Host names by which the admin port may be addressed, besides loopback names and literal addresses.</summary>
    public IReadOnlyList<string> AdminHosts { get; init; } = [];

    /// <summary>From where profiles may be requested of the admin port.</summary>
    public ProfileAccess AdminProfiles { get; init; } = ProfileAccess.Loopback;

    /// <summary>The directory of the log's files.</summary>
    public LogDirectory LogDirectory { get; init; } = LogDirectory.Default;

    /// <summary>Whether only to validate the options.</summary>
    public bool Check { get; init; }

    /// <summary>Where the allocations of the whole run are written to at its end, a full path; null is nowhere, and nothing is recorded.</summary>
    public string? MemoryProfile { get; init; }

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

    /// <summary>512 MiB, or a quarter of the memory that there is.</summary>
    internal static long DefaultMaxBufferedBytes(long memoryBytes) => Math.Min(512L * 1024 * 1024, memoryBytes / 4);

    /// <summary>As many as the limit of open files leaves, the program's own taken off (143 to 209 at rest were seen).</summary>
    internal static int DefaultMaxConnections(OpenFileLimit? files) => files is { Hard: var hard }
        ? (int)Math.Clamp(Math.Max(hard - 512, hard / 2), 1, 10_000_000)
        : 10_000_000;
}
