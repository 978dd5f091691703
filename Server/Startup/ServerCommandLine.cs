using System.Net;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Forwarding;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Startup;

/// <summary>The server's options, each declared once for command line, environment, <c>--help</c> and <c>--check</c>.</summary>
internal static class ServerCommandLine
{
    private const int MaxConnections = 10_000_000;

    /// <summary>Declares the options.</summary>
    /// <param name="defaults">The defaults set by code; null is none.</param>
    /// <param name="isDefaultProcessor">Whether the options of the default processor are included.</param>
    public static OptionSet<ServerOptions> Declare(ServerOptions? defaults = null, bool isDefaultProcessor = true)
    {
        var original = new ServerOptions();
        ServerOptions none = defaults ?? original;
        var set = new OptionSet<ServerOptions>(
            "DotNettyFraming.Server",
            "Receives packets of a binary protocol over TCP, and processes them. The commands export and verify read its store, each with "
            + "its own --help.",
            EnvironmentPrefix.Server,
            none,
            original);
        set.Add(
            "--address", AddressText.Listen, new ListenAddress(none.Address, none.UnixPath),
            (o, v) => o with { Address = v.Ip, UnixPath = v.UnixPath },
            "Address to listen on: any (IPv4 and IPv6), an IP address (:: is IPv6 only), or unix:/path, a Unix socket of mode 0660, for "
            + "which --port and the TCP options are not used.");
        set.Add(
            "--port", OptionKind.Integer(0, IPEndPoint.MaxPort, "PORT"), none.Port, (o, v) => o with { Port = v },
            "TCP port; 0 picks a free one, which the start-up line names.");
        set.AddTransport((o, v) => o with { Transport = v }, none.Transport);
        set.AddEventLoops(
            (o, v) => o with { EventLoops = v },
            "Event-loop threads. More than processors only helps if a packet processor blocks, which it should not.",
            none.EventLoops);
        set.Add(
            "--backlog", OptionKind.Integer(1, 1_000_000), none.Backlog, (o, v) => o with { Backlog = v },
            "Connections that wait in the kernel to be accepted. Raise it if many devices reconnect at the same time; the kernel caps it "
            + "at net.core.somaxconn.");
        set.Add(
            "--header", new OptionKind<HeaderLayout>("LAYOUT", ParseHeader, layout => $"{layout}"), none.Header,
            (o, v) => o with { Header = v },
            "Header layout of the packets: literal bytes, len:TYPE, time:TYPE and skip:N in the order of the bytes; see docs/protocol.md.");
        set.Add(
            "--max-payload", OptionKind.Size(0, HeaderLayout.LongestPayload), none.MaxPayloadBytes,
            (o, v) => o with { MaxPayloadBytes = (int)v },
            "Largest payload accepted, bytes, at most what the header's length can say; a connection that announces more is closed.");
        set.Add(
            "--max-connections", OptionKind.Integer(1, MaxConnections), none.MaxConnections, (o, v) => o with { MaxConnections = v },
            "Connections that may be open; more are closed immediately and counted. A value above what the limit of open files allows "
            + "only logs a warning.",
            "the limit of open files less 512, at least half of it");
        set.Add(
            "--max-connections-per-ip", OptionKind.Integer(0, MaxConnections), none.MaxConnectionsPerIp,
            (o, v) => o with { MaxConnectionsPerIp = v },
            "Connections that one IPv4 address, or IPv6 /64, may have open; 0 = no limit.");
        set.Add(
            "--idle-timeout", OptionKind.Duration(), none.IdleTimeout, (o, v) => o with { IdleTimeout = v },
            "Close when no byte arrives for this time; 0 = never. The time does not run while the server pauses reading the connection.");
        set.Add(
            "--packet-timeout", OptionKind.Duration(), none.PacketTimeout, (o, v) => o with { PacketTimeout = v },
            "Close when a packet is unfinished this long after its first byte, even if bytes keep arriving; 0 = never.");
        set.Add(
            "--write-timeout", OptionKind.Duration(), none.WriteTimeout, (o, v) => o with { WriteTimeout = v },
            "Close when a peer does not read what was sent for this time; 0 = never.");
        set.Add(
            "--max-connection-age", OptionKind.Duration(), none.MaxConnectionAge, (o, v) => o with { MaxConnectionAge = v },
            "Close gracefully after this time, ±10 % at random, so that a fleet spreads over servers again; 0 = off.");
        set.Add(
            "--tcp-keepalive", OptionKind.DurationOrOff(TimeSpan.FromSeconds(1), TimeSpan.FromHours(9)), none.TcpKeepAlive,
            (o, v) => o with { TcpKeepAlive = v },
            "Probe a peer after this idle time, in whole seconds, three times within as long again; then close it if it is dead.");
        set.Add(
            "--tcp-user-timeout", OptionKind.DurationOrOff(TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(24)), none.TcpUserTimeout,
            (o, v) => o with { TcpUserTimeout = v },
            "Close when sent data or keep-alive probes are not acknowledged for this time (TCP_USER_TIMEOUT).");
        set.Add(
            "--tcp-quickack", OptionKind.OnOrOff, none.TcpQuickAck, (o, v) => o with { TcpQuickAck = v },
            "off lets the kernel delay ACKs: cheaper per small packet; clients with Nagle's algorithm can stall 40 ms.");
        set.Add(
            "--ack", OptionKind.Choice<AckLevel>(), none.Ack, (o, v) => o with { Ack = v },
            "Acknowledge packets: off, processed when the processor has completed, stored when they are on the disk (needs --store), or "
            + "forwarded when they are in Redis (needs --forward).");
        set.Add(
            "--ack-interval", OptionKind.Duration(max: TimeSpan.FromSeconds(10)), none.AckInterval, (o, v) => o with { AckInterval = v },
            "At most one acknowledgement per connection in this time; the first is sent immediately. 0 = no limit.");
        AddStore(set, none);
        AddForward(set, none);
        set.Add(
            "--max-buffered", OptionKind.Size(min: 1024 * 1024), none.MaxBufferedBytes, (o, v) => o with { MaxBufferedBytes = v },
            "Memory for unfinished packets on all connections; above it the oldest of them are closed.",
            "512MiB, or a quarter of the memory limit if that is less");
        set.Add(
            "--drain-timeout", OptionKind.Duration(max: TimeSpan.FromDays(1)), none.DrainTimeout, (o, v) => o with { DrainTimeout = v },
            "Longest graceful stop (SIGTERM, Ctrl+C); then the remaining connections are closed by force. docker stop kills after 10 s.");
        AddTls(set, none);
        set.Add(
            "--proxy-protocol", OptionKind.Choice<ProxyProtocol>(), none.ProxyProtocol, (o, v) => o with { ProxyProtocol = v },
            "Whether each connection starts with a PROXY header (version 1 or 2), in which a balancer names its client.");
        set.Add(
            "--proxy-trusted", AddressText.Networks, none.ProxyTrusted, (o, v) => o with { ProxyTrusted = v },
            "Networks of the balancers, which may send PROXY headers (CIDR, comma-separated). Other connections are closed immediately.",
            "none");
        set.Add(
            "--report-every", OptionKind.Integer(0, long.MaxValue), none.ReportEvery, (o, v) => o with { ReportEvery = v },
            "Log a line every N packets; 0 = never.");
        if (isDefaultProcessor)
        {
            set.Add(
                "--work", OptionKind.Duration(max: TimeSpan.FromHours(1)), none.Work, (o, v) => o with { Work = v },
                "Simulated processing time per packet, off the event loops; 0 = none.");
        }

        AddAdmin(set, none);
        set.AddLogDirectory((o, v) => o with { LogDirectory = v }, none.LogDirectory);
        set.Add("--check", OptionKind.Flag, false, (o, v) => o with { Check = v }, "Validate the options, print them, and exit.");
        set.Add(
            "--memory-profile", OptionKind.Path(), none.MemoryProfile!, (o, v) => o with { MemoryProfile = v },
            "Record allocations while running, and write them to FILE at exit in pprof format. Costs at most 5 % CPU time.",
            "none");
        return set;
    }

    /// <summary>Adds conflicts between options to the faults.</summary>
    public static void AddConflicts(ParsedOptions<ServerOptions> parsed)
    {
        parsed.Require("--tls-certificate", "--tls-key", "--tls-client-ca");
        parsed.Require("--store", "--store-commit-interval", "--store-segment", "--store-retain", "--store-max");
        if (parsed.Options.Ack != AckLevel.Off && !parsed.Options.Header.CanSay(sizeof(ulong)))
        {
            parsed.Reject("--ack", "needs a --header that can announce the 8 bytes of an acknowledgement");
        }

        if (parsed.Options is { Ack: AckLevel.Stored, Store: null })
        {
            parsed.Reject("--ack", "'stored' needs --store");
        }

        parsed.Require("--store", "--forward");
        parsed.Require(
            "--forward", "--forward-stream", "--forward-password-file", "--forward-ca", "--forward-replicas", "--forward-keep");
        if (parsed.Options is { Ack: AckLevel.Forwarded, Forward: null })
        {
            parsed.Reject("--ack", "'forwarded' needs --forward");
        }

        if (parsed.Options.Forward is { } url)
        {
            ForwardUrl? servers = ForwardUrl.Parse(url, out string error);
            if (servers is null)
            {
                parsed.Reject("--forward", error);
            }
            else if (!servers.Tls && parsed.IsGiven("--forward-ca"))
            {
                parsed.Reject("--forward-ca", "needs a --forward of rediss://");
            }
        }

        if (parsed.Options.StoreMaxBytes is > 0 and var max && max < 4 * parsed.Options.StoreSegmentBytes)
        {
            parsed.Reject("--store-max", "is less than 4 segments (--store-segment)");
        }

        if (parsed.Options is { ProxyProtocol: ProxyProtocol.Required, UnixPath: null } && !parsed.IsGiven("--proxy-trusted"))
        {
            parsed.Reject("--proxy-protocol", "'required' needs --proxy-trusted, the networks that may send PROXY headers");
        }

        HeaderLayout header = parsed.Options.Header;
        if (parsed.IsGiven("--max-payload") && parsed.Options.MaxPayloadBytes > header.MaxPayloadLength)
        {
            parsed.Reject("--max-payload", $"is more than the length of --header can say ({header.MaxPayloadLength})");
        }
    }

    private static void AddStore(OptionSet<ServerOptions> set, ServerOptions none)
    {
        const long MinSegment = 1024 * 1024;
        set.Add(
            "--node", Node, none.Node!, (o, v) => o with { Node = v },
            "This server's name in the store and in streams: letters, digits, '.', '_', '-'. A store keeps its name.",
            "the store's, else the host name");
        set.Add(
            "--store", OptionKind.Path("DIR"), none.Store!, (o, v) => o with { Store = v },
            "Store every packet durably in this directory before it counts as processed.", "none");
        set.Add(
            "--store-commit-interval", OptionKind.Duration(max: TimeSpan.FromSeconds(10)), none.StoreCommitInterval,
            (o, v) => o with { StoreCommitInterval = v },
            "Least time from one commit to the next, unless much waits; 0 = commit as soon as the disk is free.");
        set.Add(
            "--store-segment", OptionKind.Size(MinSegment, 64L * 1024 * 1024 * 1024), none.StoreSegmentBytes,
            (o, v) => o with { StoreSegmentBytes = v },
            "Start a new segment file at this size, and after one hour.");
        set.Add(
            "--store-retain", OptionKind.Duration(max: TimeSpan.FromDays(36500)), none.StoreRetain, (o, v) => o with { StoreRetain = v },
            "Delete segments whose newest packet is older; 0 = keep them forever.");
        set.Add(
            "--store-max", OptionKind.Size(), none.StoreMaxBytes, (o, v) => o with { StoreMaxBytes = v },
            "Disk space of the store, at least 4 segments. Segments beyond --store-retain are deleted for it; if there are none, reading "
            + "pauses. 0 = no limit.");
    }

    private static void AddForward(OptionSet<ServerOptions> set, ServerOptions none)
    {
        const int MaxReplicas = 100;
        set.Add(
            "--forward", OptionKind.Text("URL"), none.Forward!, (o, v) => o with { Forward = v },
            "Forward every stored packet to Redis Streams: redis://[user@]host:port[,host:port…], rediss:// for TLS; needs --store.",
            "none");
        set.Add(
            "--forward-stream", Stream, none.ForwardStream, (o, v) => o with { ForwardStream = v },
            "Name of the stream, whose key is NAME:{NODE}.");
        set.Add(
            "--forward-password-file", OptionKind.Path(), none.ForwardPasswordFile!, (o, v) => o with { ForwardPasswordFile = v },
            "File with the password for Redis; read again for each connection.", "none");
        set.Add(
            "--forward-ca", OptionKind.Path(), none.ForwardCaFile!, (o, v) => o with { ForwardCaFile = v },
            "PEM file of the CAs that may sign the certificates of the Redis servers.", "those of the system");
        set.Add(
            "--forward-replicas", OptionKind.Integer(0, MaxReplicas), none.ForwardReplicas, (o, v) => o with { ForwardReplicas = v },
            "An entry counts as forwarded when this number of replicas confirmed it (WAIT).");
        set.Add(
            "--forward-keep", OptionKind.Duration(max: TimeSpan.FromDays(36500)), none.ForwardKeep, (o, v) => o with { ForwardKeep = v },
            "Trim stream entries that are older; 0 = keep them, and let consumers trim.");
    }

    /// <summary>A node's name.</summary>
    private static OptionKind<string> Node { get; } = Name("._-", "'.', '_', '-'");

    /// <summary>A stream's name; braces would decide its slot in a cluster.</summary>
    private static OptionKind<string> Stream { get; } = Name("._-:", "'.', '_', '-', ':'");

    private static OptionKind<string> Name(string others, string othersText) => new(
        "NAME",
        text => text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || others.Contains(c, StringComparison.Ordinal))
            ? Parsed.Of(text)
            : Parsed.Fault<string>($"is no name of at most 64 letters, digits, {othersText}"),
        text => text);

    private static Parsed<HeaderLayout> ParseHeader(string text) =>
        HeaderLayout.TryParse(text, out HeaderLayout? layout, out string? error) ? Parsed.Of(layout) : Parsed.Fault<HeaderLayout>(error);

    private static void AddTls(OptionSet<ServerOptions> set, ServerOptions none)
    {
        set.Add(
            "--tls-certificate", OptionKind.Path(), none.TlsCertificateFile!, (o, v) => o with { TlsCertificateFile = v },
            "Encrypt all connections (TLS 1.2 or 1.3) with this certificate: PEM, followed by its intermediate certificates, or a PFX "
            + "without password. It is read again when it changes.",
            "none");
        set.Add(
            "--tls-key", OptionKind.Path(), none.TlsKeyFile!, (o, v) => o with { TlsKeyFile = v },
            "PEM file of the certificate's key.", "in the certificate's file");
        set.Add(
            "--tls-client-ca", OptionKind.Path(), none.TlsClientCaFile!, (o, v) => o with { TlsClientCaFile = v },
            "PEM file of CAs. Each client must have a certificate that one of them signed.", "no client certificates");
        set.Add(
            "--tls-handshake-timeout", OptionKind.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1)), none.TlsHandshakeTimeout,
            (o, v) => o with { TlsHandshakeTimeout = v },
            "Longest TLS handshake, counted from accept.");
    }

    private static void AddAdmin(OptionSet<ServerOptions> set, ServerOptions none)
    {
        set.Add(
            "--admin", AddressText.EndPointOrOff, none.Admin, (o, v) => o with { Admin = v },
            "Address of the admin HTTP port: metrics, health, the live page; off = none. It has no authentication: any client that "
            + "reaches it can read everything.");
        set.Add(
            "--admin-hosts",
            OptionKind.List(
                "NAMES",
                name => Uri.CheckHostName(name) != UriHostNameType.Unknown ? Parsed.Of(name) : Parsed.Fault<string>("is no host name"),
                "is no list of host names without ports (framing.example,metrics.internal)"),
            none.AdminHosts,
            (o, v) => o with { AdminHosts = v },
            "More host names that requests to the admin port may be addressed to, comma-separated; others are refused (DNS rebinding).",
            "loopback names, literal addresses");
        set.Add(
            "--admin-profiles", OptionKind.Choice<ProfileAccess>(), none.AdminProfiles, (o, v) => o with { AdminProfiles = v },
            "Clients that may request /debug/pprof/… from the admin port: this machine, any machine, or none.");
    }
}
