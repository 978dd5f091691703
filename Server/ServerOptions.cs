using System.Net;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server;

/// <summary>The options of a server, with the defaults of the command line.</summary>
public sealed record ServerOptions
{
    /// <summary>The address to listen on; null is any address, IPv4 and IPv6.</summary>
    public IPAddress? Address { get; init; }

    /// <summary>The absolute path of a Unix socket to listen on instead of address and port; null = TCP.</summary>
    /// <remarks>Its mode is 0660, a file without a listener is replaced, and the file is deleted at the end.</remarks>
    public string? UnixPath { get; init; }

    /// <summary>The TCP port; 0 picks a free one.</summary>
    public int Port { get; init; } = 9999;

    /// <summary>The transport of the connections.</summary>
    public TransportChoice Transport { get; init; } = TransportChoice.Auto;

    /// <summary>The event-loop threads that serve connections; one more accepts them.</summary>
    public int EventLoops { get; init; } = Environment.ProcessorCount;

    /// <summary>The listen backlog; the kernel caps it at <c>net.core.somaxconn</c>.</summary>
    public int Backlog { get; init; } = 4096;

    /// <summary>The largest accepted payload, bytes.</summary>
    public int MaxPayloadBytes { get; init; } = 65_535;

    /// <summary>The layout of the packets' headers.</summary>
    public HeaderLayout Header { get; init; } = HeaderLayout.Default;

    /// <summary>The longest payload accepted: <see cref="MaxPayloadBytes"/>, or what a header can announce if that is less.</summary>
    internal int AcceptedPayloadBytes => Math.Min(MaxPayloadBytes, Header.MaxPayloadLength);

    /// <summary>The connections that may be open; more are closed immediately.</summary>
    public int MaxConnections { get; init; } = DefaultMaxConnections(OpenFileLimit.Read());

    /// <summary>The connections that one IPv4 address or IPv6 /64 may have open; 0 = no limit.</summary>
    public int MaxConnectionsPerIp { get; init; }

    /// <summary>The time without a received byte after which a connection closes; zero = never.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>The time from a packet's first byte to its last after which the connection closes; zero = never.</summary>
    public TimeSpan PacketTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The time without progress of a waiting write after which the connection closes; zero = never.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The level of packets that are acknowledged.</summary>
    public AckLevel Ack { get; init; } = AckLevel.Off;

    /// <summary>The least time between two acknowledgements of a connection; zero = no limit.</summary>
    public TimeSpan AckInterval { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The server's name in the store; null for the name that the store has, or the host's.</summary>
    public string? Node { get; init; }

    /// <summary>The directory of the store; null = packets are not stored.</summary>
    public string? Store { get; init; }

    /// <summary>The least time from one commit of the store to the next, unless enough packets wait; zero = none.</summary>
    public TimeSpan StoreCommitInterval { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>The bytes of packets at which the store starts a new segment file.</summary>
    public long StoreSegmentBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>The age of its newest packet at which a segment is deleted; zero = never.</summary>
    public TimeSpan StoreRetain { get; init; }

    /// <summary>The disk space that the store may take, bytes; 0 = no limit.</summary>
    public long StoreMaxBytes { get; init; }

    /// <summary>The Redis servers that packets are forwarded to, <c>redis://[user@]host:port[,host:port…]</c>; null = none.</summary>
    public string? Forward { get; init; }

    /// <summary>The name of the stream, whose key is <c>NAME:{NODE}</c>.</summary>
    public string ForwardStream { get; init; } = "framing";

    /// <summary>The file of the password for Redis; null = no password.</summary>
    public string? ForwardPasswordFile { get; init; }

    /// <summary>The CAs of the Redis servers' certificates, PEM; null = those of the system.</summary>
    public string? ForwardCaFile { get; init; }

    /// <summary>The replicas that confirm an entry before it counts as forwarded.</summary>
    public int ForwardReplicas { get; init; }

    /// <summary>The age at which stream entries are trimmed; zero = never.</summary>
    public TimeSpan ForwardKeep { get; init; }

    /// <summary>The age at which a connection is closed gracefully, ±10 %; zero = never.</summary>
    public TimeSpan MaxConnectionAge { get; init; }

    /// <summary>The idle time before keep-alive probes, in seconds, which find a dead peer after twice this time; zero = off.</summary>
    public TimeSpan TcpKeepAlive { get; init; }

    /// <summary>The time without an ACK for sent data or probes after which the kernel ends a connection; zero = off.</summary>
    public TimeSpan TcpUserTimeout { get; init; }

    /// <summary>Whether the kernel sends ACKs immediately; without, clients with Nagle's algorithm can stall 40 ms.</summary>
    public bool TcpQuickAck { get; init; } = true;

    /// <summary>The memory for unfinished packets on all connections, bytes as allocated.</summary>
    public long MaxBufferedBytes { get; init; } = DefaultMaxBufferedBytes(MemoryLimit.Bytes);

    /// <summary>The memory that this process may use, bytes.</summary>
    internal long MemoryBytes { get; init; } = MemoryLimit.Bytes;

    /// <summary>The bytes that may wait to be processed per event loop: 32 MiB, or its share of a quarter of the memory.</summary>
    internal long MaxPendingBytes => Math.Min(BackPressure.MaxLoopMark, MemoryBytes / 4 / EventLoops);

    /// <summary>Whether each connection starts with a PROXY header.</summary>
    public ProxyProtocol ProxyProtocol { get; init; } = ProxyProtocol.Off;

    /// <summary>The networks of the balancers that may send PROXY headers.</summary>
    public IReadOnlyList<IPNetwork> ProxyTrusted { get; init; } = [];

    /// <summary>The number of packets between two progress lines in the log; 0 = none.</summary>
    public long ReportEvery { get; init; } = 1_000_000;

    /// <summary>The simulated processing time per packet of the default processor; zero = none.</summary>
    internal TimeSpan Work { get; init; }

    /// <summary>The address of the admin HTTP port; port 0 picks a free one, null = no admin port.</summary>
    public IPEndPoint? Admin { get; init; } = new(IPAddress.Loopback, 9998);

    /// <summary>The host names of the admin port, in addition to loopback names and literal addresses.</summary>
    public IReadOnlyList<string> AdminHosts { get; init; } = [];

    /// <summary>The clients that may request profiles from the admin port.</summary>
    public ProfileAccess AdminProfiles { get; init; } = ProfileAccess.Loopback;

    /// <summary>The directory of the log files of <see cref="FramingServerBuilder.RunAsync"/>.</summary>
    public LogDirectory LogDirectory { get; init; } = LogDirectory.Default;

    /// <summary>Whether to validate the options only.</summary>
    internal bool Check { get; init; }

    /// <summary>The file of the allocation profile that <see cref="FramingServerBuilder.RunAsync"/> writes at exit; null = none.</summary>
    public string? MemoryProfile { get; init => field = value is null ? null : Path.GetFullPath(value); }

    /// <summary>The longest graceful stop; <c>docker stop</c> kills after 10 s.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>The server's certificate, PEM or PFX; null = no TLS.</summary>
    public string? TlsCertificateFile { get; init; }

    /// <summary>The certificate's key, PEM; null if it is in the certificate's file.</summary>
    public string? TlsKeyFile { get; init; }

    /// <summary>The CAs of client certificates, PEM; null = clients need no certificate.</summary>
    public string? TlsClientCaFile { get; init; }

    /// <summary>The longest TLS handshake, counted from accept.</summary>
    public TimeSpan TlsHandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    // 512 MiB, or a quarter of the memory limit.
    internal static long DefaultMaxBufferedBytes(long memoryBytes) => Math.Min(512L * 1024 * 1024, memoryBytes / 4);

    // The limit of open files less the program's own. Measured: 143 to 209 at rest.
    internal static int DefaultMaxConnections(OpenFileLimit? files) => files is { Hard: var hard }
        ? (int)Math.Clamp(Math.Max(hard - 512, hard / 2), 1, 10_000_000)
        : 10_000_000;
}

/// <summary>Whether each connection starts with a PROXY header: <c>--proxy-protocol</c>.</summary>
/// <remarks>There is no "optional": any peer could then claim any address.</remarks>
public enum ProxyProtocol
{
    /// <summary>No connection does.</summary>
    Off,

    /// <summary>Each connection does, version 1 or 2, and comes from a trusted network.</summary>
    Required,
}

/// <summary>The clients that may request profiles from the admin port: <c>--admin-profiles</c>.</summary>
public enum ProfileAccess
{
    /// <summary>Clients on this machine.</summary>
    Loopback,

    /// <summary>Any client that reaches the port.</summary>
    Any,

    /// <summary>None.</summary>
    Off,
}
