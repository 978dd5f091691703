using System.Globalization;
using System.Net;
using DotNettyFraming.Codec;
using DotNettyFraming.CommandLine;
using DotNettyFraming.CommandLine.Logging;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.LoadClient.Verification;

namespace DotNettyFraming.LoadClient.Options;

/// <summary>The load client's command line, each option said once: parsing, <c>--help</c> and the environment come from here.</summary>
internal sealed class LoadOptionDeclarations
{
    /// <summary>The longest write. Larger ones would only wait in memory: a socket buffer takes a few MiB at a time.</summary>
    internal const int MostBytesPerWrite = 16 * 1024 * 1024;

    private readonly OptionDeclaration<string> _host;
    private readonly OptionDeclaration<int> _port;
    private readonly OptionDeclaration<TransportChoice> _transport;
    private readonly OptionDeclaration<int> _connections;
    private readonly OptionDeclaration<string> _payload;
    private readonly OptionDeclaration<(int Min, int Max)?> _payloadBytes;
    private readonly OptionDeclaration<int> _packetsPerWrite;
    private readonly OptionDeclaration<long?> _rate;
    private readonly OptionDeclaration<TimeSpan> _duration;
    private readonly OptionDeclaration<long?> _packets;
    private readonly OptionDeclaration<int?> _rampUp;
    private readonly OptionDeclaration<SplitMode?> _split;
    private readonly OptionDeclaration<IReadOnlyList<IPAddress>> _source;
    private readonly OptionDeclaration<bool> _tls;
    private readonly OptionDeclaration<string?> _tlsCa;
    private readonly OptionDeclaration<string?> _tlsCertificate;
    private readonly OptionDeclaration<string?> _tlsKey;
    private readonly OptionDeclaration<Uri?> _verify;
    private readonly OptionDeclaration<int?> _seed;
    private readonly OptionDeclaration<AbuseKind?> _abuse;
    private readonly OptionDeclaration<int> _abuseConnections;
    private readonly OptionDeclaration<TimeSpan> _abuseDeadline;
    private readonly OptionDeclaration<int?> _abuseRate;
    private readonly OptionDeclaration<int> _eventLoops;
    private readonly OptionDeclaration<string?> _json;
    private readonly OptionDeclaration<string?> _html;
    private readonly OptionDeclaration<LogDirectory> _logDirectory;

    public LoadOptionDeclarations()
    {
        Set = new OptionSet(Program.Name, "Opens connections to a server of the packet protocol and sends.", EnvironmentPrefix.LoadClient);
        var defaults = new LoadOptions();
        _host = Set.Text(
            "--host", "HOST", defaults.Host, "The server's name or address. Of a name's addresses each is tried, IPv4 first.");
        _port = Set.Number("--port", "PORT", defaults.Port, "The server's TCP port.", 1, ushort.MaxValue);
        _transport = TransportOption.Declare(Set);
        _connections = Set.Number(
            "--connections", "N", defaults.Connections,
            "Connections to make. Capped, with a message, where the limit of open files or the source ports do not suffice.",
            1, 10_000_000);
        _payload = Set.Text("--payload", "TEXT", LoadOptions.DefaultPayload, "The payload of every packet, sent as UTF-8.");
        _payloadBytes = Set.Custom<(int Min, int Max)?>(
            "--payload-bytes", "N|MIN-MAX", null, "the payload's own length",
            "Length of the payload, 0 to 65535: the text is repeated or cut. With MIN-MAX every length between is equally likely.",
            ParseRange,
            range => range is var (min, max) && min != max ? $"{min}-{max}" : $"{range!.Value.Min}");
        _packetsPerWrite = Set.Number(
            "--packets-per-write", "N", defaults.PacketsPerWrite,
            "Packets glued into one write. More of them cost less each; at most 16 MiB in all.", 1, 1_000_000);
        _rate = Set.OptionalNumber<long>(
            "--rate", "N",
            "Packets a second in total, evenly spread in time and over the connections, whether the server keeps up or not: latencies run "
            + "from when a packet was due, late ones are counted, none is skipped.",
            1, 1_000_000_000, "as fast as the server takes them");
        _duration = Set.Duration(
            "--duration", LoadOptions.DefaultDuration,
            "How long to send, from when all connections are made. With --packets there is no end to it unless it is given.",
            TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(24));
        _packets = Set.OptionalNumber<long>(
            "--packets", "N", "Packets to send in total, shared evenly by the connections; then the run ends.", 1, long.MaxValue, "no end");
        _rampUp = Set.OptionalNumber<int>(
            "--ramp-up", "N",
            "New connections a second, each sending as soon as it is made. Without it all are made first and then start at once.",
            1, 1_000_000, "as fast as they are accepted");
        _split = Set.OptionalChoice<SplitMode>(
            "--split",
            "Writes each packet in pieces: header (its 7 bytes, and the rest), bytes (one at a time), random.");
        _source = Set.Custom<IReadOnlyList<IPAddress>>(
            "--source", "ADDRESSES", [], "the system's choice",
            "Local addresses to connect from, comma-separated, taken in turn: one has about 28,000 ports.",
            ParseAddresses,
            addresses => string.Join(',', addresses));
        _tls = Set.Flag("--tls", "Encrypts the connections (TLS 1.2 or 1.3); the server's certificate must be valid for --host.");
        _tlsCa = Set.OptionalPath(
            "--tls-ca", "FILE", "PEM file of the CAs that may have signed the server's certificate.", "those that this machine trusts");
        _tlsCertificate = Set.OptionalPath("--tls-certificate", "FILE", "The client's own certificate: PEM, or a PFX without password.");
        _tlsKey = Set.OptionalPath("--tls-key", "FILE", "PEM file of the certificate's key.", "in the certificate's file");
        _verify = Set.Custom<Uri?>(
            "--verify", "URL", null, "none",
            "The server's admin address (http://127.0.0.1:9998): what was sent is compared with what it processed. "
            + "Nobody else may be sending to it.",
            text => StatisticsClient.ParseAddress(text).Select(url => (Uri?)url),
            url => $"{url}");
        _seed = Set.OptionalNumber<int>(
            "--seed", "N",
            "Makes the lengths of --payload-bytes MIN-MAX, the cuts of --split random and what hostile peers send reproducible.",
            0, int.MaxValue, "random, and printed");
        _abuse = Set.Custom<AbuseKind?>(
            "--abuse", string.Join('|', AbuseKind.All), null, "none",
            "Hostile peers beside the ordinary load, which is measured before, during and after them.",
            ParseKind,
            kind => $"{kind}");
        _abuseConnections = Set.Number(
            "--abuse-connections", "N", AbuseOptions.DefaultConnections,
            "Hostile connections. Each comes once; with --abuse-rate, and those of connect-flood, they come again: so many at a time.",
            1, 10_000_000);
        _abuseDeadline = Set.Duration(
            "--abuse-deadline", AbuseOptions.DefaultDeadline,
            "How long a hostile connection may stay open; one that does for longer is closed, and the exit code is 5.",
            TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1));
        _abuseRate = Set.OptionalNumber<int>(
            "--abuse-rate", "N", "New hostile connections a second, for a third of the duration.", 1, 1_000_000, "all at once");
        _eventLoops = EventLoopsOption.Declare(Set, defaults.EventLoops, "Event-loop threads.");
        _json = Set.OptionalPath("--json", "FILE", "Where to write the report as JSON.");
        _html = Set.OptionalPath("--html", "FILE", "Where to write the report as one HTML file with plots.");
        _logDirectory = LogDirectory.Declare(Set);
    }

    public OptionSet Set { get; }

    public LogDirectory LogDirectoryOf(ParseOutcome outcome) => outcome.Value(_logDirectory);

    /// <summary>Reads what was given, and adds the conflicts that only show between options to the faults.</summary>
    public LoadOptions Read(ParseOutcome outcome)
    {
        var options = new LoadOptions
        {
            Host = outcome.Value(_host),
            Port = outcome.Value(_port),
            Transport = outcome.Value(_transport),
            Connections = outcome.Value(_connections),
            Payload = ReadPayload(outcome),
            PacketsPerWrite = outcome.Value(_packetsPerWrite),
            Duration = outcome.IsGiven(_duration) || outcome.Value(_packets) is null ? outcome.Value(_duration) : null,
            Packets = outcome.Value(_packets),
            Rate = outcome.Value(_rate),
            RampUp = outcome.Value(_rampUp),
            Split = outcome.Value(_split),
            Sources = outcome.Value(_source),
            Tls = outcome.Value(_tls),
            TlsCaFile = outcome.Value(_tlsCa),
            TlsCertificateFile = outcome.Value(_tlsCertificate),
            TlsKeyFile = outcome.Value(_tlsKey),
            Seed = outcome.Value(_seed) ?? Random.Shared.Next(),
            EventLoops = outcome.Value(_eventLoops),
            Verify = outcome.Value(_verify),
            Abuse = ReadAbuse(outcome),
            JsonFile = outcome.Value(_json),
            HtmlFile = outcome.Value(_html),
        };

        if (options.Host.Length == 0)
        {
            outcome.Reject(_host, "is empty");
        }

        long bytesPerWrite = (long)options.PacketsPerWrite * options.Payload.MaxPacketBytes;
        if (bytesPerWrite > MostBytesPerWrite)
        {
            outcome.Reject(_packetsPerWrite, $"a write of up to {bytesPerWrite} bytes is too long (at most {MostBytesPerWrite})");
        }

        RejectTlsConflicts(outcome, options);
        // What the attack and the load make of the seed is to be printed with it, so both have the same.
        return options with { Abuse = options.Abuse is { } abuse ? abuse with { Seed = options.Seed } : null };
    }

    private AbuseOptions? ReadAbuse(ParseOutcome outcome)
    {
        if (outcome.Value(_abuse) is AbuseKind kind)
        {
            return new AbuseOptions
            {
                Kind = kind,
                Connections = outcome.Value(_abuseConnections),
                Deadline = outcome.Value(_abuseDeadline),
                RatePerSecond = outcome.Value(_abuseRate),
            };
        }

        RejectGiven(outcome, "needs --abuse", _abuseConnections, _abuseDeadline, _abuseRate);
        return null;
    }

    private void RejectTlsConflicts(ParseOutcome outcome, LoadOptions options)
    {
        if (!options.Tls)
        {
            RejectGiven(outcome, "needs --tls", _tlsCa, _tlsCertificate, _tlsKey);
        }

        if (options.TlsKeyFile is not null && options.TlsCertificateFile is null)
        {
            outcome.Reject(_tlsKey, "needs --tls-certificate");
        }
    }

    private PayloadShape ReadPayload(ParseOutcome outcome)
    {
        string text = outcome.Value(_payload);
        PayloadShape shape = outcome.Value(_payloadBytes) is var (min, max) ? PayloadShape.Of(text, min, max) : PayloadShape.Of(text);
        if (shape.MaxBytes > PacketHeader.MaxPayloadLength)
        {
            outcome.Reject(_payload, $"has {shape.MaxBytes} bytes, and a packet carries at most {PacketHeader.MaxPayloadLength}");
        }
        else if (shape.Text.IsEmpty && shape.MaxBytes > 0)
        {
            outcome.Reject(_payload, "is empty, which cannot be repeated to the length of --payload-bytes");
        }

        return shape;
    }

    private static void RejectGiven(ParseOutcome outcome, string reason, params ReadOnlySpan<OptionDeclaration> options)
    {
        foreach (OptionDeclaration option in options)
        {
            if (outcome.IsGiven(option))
            {
                outcome.Reject(option, reason);
            }
        }
    }

    private static Parsed<IReadOnlyList<IPAddress>> ParseAddresses(string text)
    {
        var addresses = new List<IPAddress>();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            // TryParse alone would read `1` as 0.0.0.1, and `[::1]:80` and `::1/64` as ::1.
            if (!IPAddress.TryParse(part, out IPAddress? address)
                || part.AsSpan().ContainsAny('[', ']', '/')
                || (address.ToString() != part && !part.Contains(':', StringComparison.Ordinal)))
            {
                return Parsed.Fault<IReadOnlyList<IPAddress>>("is no list of IP addresses (127.0.0.2,127.0.0.3)");
            }

            addresses.Add(address);
        }

        return Parsed.Of<IReadOnlyList<IPAddress>>(addresses);
    }

    private static Parsed<AbuseKind?> ParseKind(string text) => AbuseKind.All.FirstOrDefault(kind => kind.Name == text) is { } known
        ? Parsed.Of<AbuseKind?>(known)
        : Parsed.Fault<AbuseKind?>($"is none of {string.Join(", ", AbuseKind.All)}");

    private static Parsed<(int Min, int Max)?> ParseRange(string text)
    {
        string[] ends = text.Split('-');
        if (ends.Length > 2 || !TryParse(ends[0], out int min) || !TryParse(ends[^1], out int max))
        {
            return Parsed.Fault<(int, int)?>($"is neither a length nor MIN-MAX (0 to {PacketHeader.MaxPayloadLength})");
        }

        return min <= max ? Parsed.Of<(int, int)?>((min, max)) : Parsed.Fault<(int, int)?>("has a minimum above its maximum");
    }

    private static bool TryParse(string text, out int bytes) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out bytes) && bytes <= PacketHeader.MaxPayloadLength;
}
