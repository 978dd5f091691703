using System.Net;
using DotNettyFraming.Codec;
using DotNettyFraming.CommandLine;
using DotNettyFraming.CommandLine.Logging;
using DotNettyFraming.Server.Pipeline.Proxy;

namespace DotNettyFraming.Server.Hosting;

/// <summary>The server's options: declared here once each, for the command line, the environment, <c>--help</c> and the README.</summary>
internal sealed class ServerCommandLine
{
    private static readonly ServerOptions Defaults = new();

    private readonly OptionDeclaration<IPAddress?> _address;
    private readonly OptionDeclaration<int> _port;
    private readonly OptionDeclaration<TransportChoice> _transport;
    private readonly OptionDeclaration<int> _eventLoops;
    private readonly OptionDeclaration<int> _backlog;
    private readonly OptionDeclaration<long> _maxPayload;
    private readonly OptionDeclaration<int> _maxConnections;
    private readonly OptionDeclaration<int> _maxConnectionsPerIp;
    private readonly OptionDeclaration<TimeSpan> _idleTimeout;
    private readonly OptionDeclaration<TimeSpan> _packetTimeout;
    private readonly OptionDeclaration<long> _maxBuffered;
    private readonly OptionDeclaration<TimeSpan> _drainTimeout;
    private readonly OptionDeclaration<string?> _tlsCertificate;
    private readonly OptionDeclaration<string?> _tlsKey;
    private readonly OptionDeclaration<string?> _tlsClientCa;
    private readonly OptionDeclaration<TimeSpan> _tlsHandshakeTimeout;
    private readonly OptionDeclaration<ProxyProtocol> _proxyProtocol;
    private readonly OptionDeclaration<IReadOnlyList<IPNetwork>?> _proxyTrusted;
    private readonly OptionDeclaration<long> _reportEvery;
    private readonly OptionDeclaration<TimeSpan> _work;
    private readonly OptionDeclaration<IPEndPoint?> _admin;
    private readonly OptionDeclaration<LogDirectory> _logDirectory;
    private readonly OptionDeclaration<bool> _check;
    private readonly OptionDeclaration<string?> _memoryProfile;

    public ServerCommandLine()
    {
        _address = Set.Custom(
            "--address",
            "ADDRESS",
            Defaults.Address,
            "any",
            "Address to listen on: any (IPv4 and IPv6), or an IP address; :: is IPv6 only.",
            ListenAddress.Parse,
            address => $"{address}");
        _port = Set.Number("--port", "PORT", Defaults.Port, "TCP port; 0 picks a free one, which the start-up line names.", 0, IPEndPoint.MaxPort);
        _transport = TransportOption.Declare(Set);
        _eventLoops = EventLoopsOption.Declare(
            Set, Defaults.EventLoops, "Event-loop threads. More than processors only helps where a processor blocks, which it should not.");
        _backlog = Set.Number(
            "--backlog",
            "N",
            Defaults.Backlog,
            "Connections that the kernel keeps waiting to be accepted. Raise it where many devices come back at once; the kernel caps it at net.core.somaxconn.",
            1,
            1_000_000);
        _maxPayload = Set.Size(
            "--max-payload", Defaults.MaxPayloadBytes, "Largest payload accepted, bytes; a connection that announces more is closed.", 0, PacketHeader.MaxPayloadLength);
        _maxConnections = Set.Number(
            "--max-connections",
            "N",
            Defaults.MaxConnections,
            "Connections that may be open; more are closed at once, and counted. Asking for more than the limit of open files allows warns, and runs.",
            1,
            10_000_000,
            "the limit of open files less 512, at least half of it");
        _maxConnectionsPerIp = Set.Number(
            "--max-connections-per-ip",
            "N",
            Defaults.MaxConnectionsPerIp,
            "Connections that one IPv4 address, or IPv6 /64, may have open; 0 = no limit.",
            0,
            10_000_000);
        _idleTimeout = Set.Duration(
            "--idle-timeout",
            Defaults.IdleTimeout,
            "Close when no byte has come for so long; 0 = never. It stands still while the server itself does not read the connection.");
        _packetTimeout = Set.Duration(
            "--packet-timeout",
            Defaults.PacketTimeout,
            "Close when a started packet is not complete so long after its first byte, however often bytes trickle in; 0 = never.");
        _maxBuffered = Set.Size(
            "--max-buffered",
            Defaults.MaxBufferedBytes,
            "Memory held for packets that are not whole yet, over all connections; above it those that have held a part for the longest are closed.",
            1024 * 1024,
            defaultText: "512MiB, or a quarter of the memory limit if that is less");
        _drainTimeout = Set.Duration(
            "--drain-timeout",
            Defaults.DrainTimeout,
            "How long an orderly stop (SIGTERM, Ctrl+C) may take; then what is left is closed by force. docker stop kills at 10 s.",
            max: TimeSpan.FromDays(1));
        _tlsCertificate = Set.OptionalPath(
            "--tls-certificate",
            "FILE",
            "Encrypts all connections (TLS 1.2 or 1.3) with this certificate: PEM, its intermediate ones behind it, or a PFX without password. "
            + "It is read again when it changes.");
        _tlsKey = Set.OptionalPath("--tls-key", "FILE", "PEM file of the certificate's key.", "in the certificate's file");
        _tlsClientCa = Set.OptionalPath(
            "--tls-client-ca", "FILE", "PEM file of the CAs of which one must have signed each client's certificate.", "no client certificates");
        _tlsHandshakeTimeout = Set.Duration(
            "--tls-handshake-timeout",
            Defaults.TlsHandshakeTimeout,
            "How long a TLS handshake may take, from when the connection is accepted.",
            TimeSpan.FromMilliseconds(1),
            TimeSpan.FromDays(1));
        _proxyProtocol = Set.Choice(
            "--proxy-protocol",
            Defaults.ProxyProtocol,
            "Whether each connection begins with a PROXY header (version 1 or 2), with which a balancer says whose connection it passes on.");
        _proxyTrusted = Set.Custom<IReadOnlyList<IPNetwork>?>(
            "--proxy-trusted",
            "NETWORKS",
            null,
            "none",
            "Networks that may send PROXY headers: the balancers' (CIDR, comma-separated). Anybody else is closed at once.",
            text => NetworkList.Parse(text).Select(networks => (IReadOnlyList<IPNetwork>?)networks),
            networks => string.Join(',', networks!));
        _reportEvery = Set.Number(
            "--report-every", "N", Defaults.ReportEvery, "Log a line every so many packets; 0 = never.", 0, long.MaxValue);
        _work = Set.Duration(
            "--work",
            Defaults.Work,
            "Simulated processing time a packet, off the event loops; 0 = none.",
            max: TimeSpan.FromHours(1));
        _admin = Set.Custom(
            "--admin",
            "HOST:PORT",
            Defaults.Admin,
            AdminAddress.Format(Defaults.Admin),
            "Where the admin HTTP answers: metrics, health, the live page; off = nowhere. It asks nobody who they are: think before giving another address.",
            AdminAddress.Parse,
            AdminAddress.Format);
        _logDirectory = LogDirectory.Declare(Set);
        _check = Set.Flag("--check", "Validate the options, print what would run, and exit.");
        _memoryProfile = Set.OptionalPath(
            "--memory-profile",
            "FILE",
            "Record allocations while running, and write them to FILE at exit, in the format of `go tool pprof`. Costs some CPU time, 5 % at most.");
    }

    /// <summary>The declarations.</summary>
    public OptionSet Set { get; } = new(
        "DotNettyFraming.Server", "Receives packets with a 7-byte header over TCP, and processes them.", EnvironmentPrefix.Server);

    /// <summary>All that the server runs with; <c>--check</c> is the one that says it does not.</summary>
    public IEnumerable<OptionDeclaration> Settings => Set.Declarations.Where(option => option != _check);

    /// <summary>Reads what was given, and adds the conflicts that only show between options to the faults.</summary>
    public ServerOptions Read(ParseOutcome outcome)
    {
        foreach (OptionDeclaration option in new OptionDeclaration[] { _tlsKey, _tlsClientCa })
        {
            if (outcome.IsGiven(option) && !outcome.IsGiven(_tlsCertificate))
            {
                outcome.Reject(option, "needs --tls-certificate");
            }
        }

        if (outcome.Value(_proxyProtocol) == ProxyProtocol.Required && !outcome.IsGiven(_proxyTrusted))
        {
            outcome.Reject(_proxyProtocol, "'required' needs --proxy-trusted, the networks that may send PROXY headers");
        }

        return Options(outcome);
    }

    /// <summary>Where the log's files go.</summary>
    public LogDirectory LogDirectoryOf(ParseOutcome outcome) => outcome.Value(_logDirectory);

    /// <summary>Whether only to check.</summary>
    public bool IsCheck(ParseOutcome outcome) => outcome.Value(_check);

    private ServerOptions Options(ParseOutcome outcome) => new()
    {
        Address = outcome.Value(_address),
        Port = outcome.Value(_port),
        Transport = outcome.Value(_transport),
        EventLoops = outcome.Value(_eventLoops),
        Backlog = outcome.Value(_backlog),
        MaxPayloadBytes = (int)outcome.Value(_maxPayload),
        MaxConnections = outcome.Value(_maxConnections),
        MaxConnectionsPerIp = outcome.Value(_maxConnectionsPerIp),
        IdleTimeout = outcome.Value(_idleTimeout),
        PacketTimeout = outcome.Value(_packetTimeout),
        MaxBufferedBytes = outcome.Value(_maxBuffered),
        DrainTimeout = outcome.Value(_drainTimeout),
        TlsCertificateFile = outcome.Value(_tlsCertificate),
        TlsKeyFile = outcome.Value(_tlsKey),
        TlsClientCaFile = outcome.Value(_tlsClientCa),
        TlsHandshakeTimeout = outcome.Value(_tlsHandshakeTimeout),
        ProxyProtocol = outcome.Value(_proxyProtocol),
        ProxyTrusted = outcome.Value(_proxyTrusted) ?? [],
        ReportEvery = outcome.Value(_reportEvery),
        Work = outcome.Value(_work),
        Admin = outcome.Value(_admin),
        MemoryProfile = outcome.Value(_memoryProfile) is { } path ? Path.GetFullPath(path) : null,
    };
}
