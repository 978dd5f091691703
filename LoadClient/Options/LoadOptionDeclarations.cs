using System.Globalization;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.LoadClient.Verification;

namespace DotNettyFraming.LoadClient.Options;

/// <summary>The load client's options, each declared once for the command line, the environment and <c>--help</c>.</summary>
internal static class LoadOptionDeclarations
{
    internal const int MaxBytesPerWrite = 16 * 1024 * 1024; // a socket buffer takes a few MiB; the rest waits in memory

    private static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);

    public static OptionSet<LoadOptions> Declare()
    {
        var none = new LoadOptions { Seed = Random.Shared.Next() };
        var set = new OptionSet<LoadOptions>(
            Program.Name, "Opens connections to a server of the packet protocol and sends.", EnvironmentPrefix.LoadClient, none);
        set.Add(
            "--host", OptionKind.Text("HOST"), none.Host, (o, v) => o with { Host = v },
            "The server's name or address, or unix:/path. All addresses of a name are tried, IPv4 first.");
        set.Add(
            "--port", OptionKind.Integer(1, (int)ushort.MaxValue, "PORT"), none.Port, (o, v) => o with { Port = v },
            "The server's TCP port.");
        set.AddTransport((o, v) => o with { Transport = v });
        set.Add(
            "--connections", OptionKind.Integer(1, 10_000_000), none.Connections, (o, v) => o with { Connections = v },
            "Connections to make. Capped, with a message, if open files or source ports run out.");
        AddLoad(set, none);
        set.Add(
            "--source", AddressText.Addresses, none.Sources, (o, v) => o with { Sources = v },
            "Local addresses to connect from, comma-separated, used in turn. Each has about 28,000 ports.", "the system's choice");
        AddTls(set);
        set.Add(
            "--verify", new OptionKind<Uri>("URL", StatisticsClient.ParseAddress, url => $"{url}"), none.Verify!,
            (o, v) => o with { Verify = v },
            "The server's admin address (http://127.0.0.1:9998). The packets sent are compared with those that the server processed. "
            + "No other client may send to it during the run.",
            "none");
        set.Add(
            "--seed", OptionKind.Integer(0, int.MaxValue), 0, (o, v) => o with { Seed = v },
            "Makes the lengths of --payload-bytes MIN-MAX, the cuts of --split random and the bytes of hostile peers reproducible.",
            "random, and printed");
        AddAbuse(set);
        set.AddEventLoops((o, v) => o with { EventLoops = v }, "Event-loop threads.");
        set.Add(
            "--json", OptionKind.Path(), none.JsonFile!, (o, v) => o with { JsonFile = v }, "File for the report as JSON.", "none");
        set.Add(
            "--html", OptionKind.Path(), none.HtmlFile!, (o, v) => o with { HtmlFile = v },
            "File for the report as one HTML page with plots.", "none");
        set.AddLogDirectory((o, v) => o with { LogDirectory = v });
        return set;
    }

    /// <summary>Returns the options, and rejects those in conflict.</summary>
    public static LoadOptions Read(ParsedOptions<LoadOptions> parsed)
    {
        LoadOptions options = parsed.Options;
        if (options.Host.Length == 0)
        {
            parsed.Reject("--host", "is empty");
        }

        if (options.UnixPath is { } path)
        {
            RejectForUnix(parsed, path);
        }

        options = options with { Payload = options.Payload with { Header = options.Header } };
        long bytesPerWrite = RejectPayload(parsed, options.Payload) ? 0 : (long)options.PacketsPerWrite * options.Payload.MaxPacketBytes;
        if (bytesPerWrite > MaxBytesPerWrite)
        {
            parsed.Reject("--packets-per-write", $"a write of up to {bytesPerWrite} bytes is too long (at most {MaxBytesPerWrite})");
        }

        parsed.Require("--ack", "--ack-log");
        RejectNextToRaw(parsed);
        if (options.Serial && options.Payload.MinBytes < SerialStamp.Bytes)
        {
            parsed.Reject("--serial", $"needs a payload of at least {SerialStamp.Bytes} bytes");
        }

        parsed.Require("--tls-certificate", "--tls-key");
        foreach (string name in (ReadOnlySpan<string>)["--tls-ca", "--tls-certificate", "--tls-key"])
        {
            if (!options.Tls && parsed.IsGiven(name))
            {
                parsed.Reject(name, "needs --tls");
            }
        }

        if (options.Ack && !options.Header.CanSay(sizeof(ulong)))
        {
            parsed.Reject("--ack", "needs a --header that can announce 8 bytes");
        }

        if (options.Abuse is not null && !options.Header.Equals(HeaderLayout.Default))
        {
            parsed.Reject("--abuse", "needs the default --header");
        }

        parsed.Require("--abuse", "--abuse-connections", "--abuse-deadline", "--abuse-rate");
        return options with
        {
            Duration = options.Packets is not null && !parsed.IsGiven("--duration") ? null : options.Duration,
            Abuse = options.Abuse is { } abuse ? abuse with { Seed = options.Seed } : null,
        };
    }

    private static void RejectForUnix(ParsedOptions<LoadOptions> parsed, string path)
    {
        if (AddressText.ParseUnixPath(path).Fault is { } fault)
        {
            parsed.Reject("--host", fault);
        }

        if (parsed.Options.Sources.Count > 0)
        {
            parsed.Reject("--source", "has no meaning for a Unix socket");
        }

        if (parsed.Options.Tls)
        {
            parsed.Reject("--tls", "needs a --host with a name or an address, which the certificate is valid for");
        }
    }

    private static void AddLoad(OptionSet<LoadOptions> set, LoadOptions none)
    {
        set.Add(
            "--header", Header, none.Header, (o, v) => o with { Header = v },
            "Header layout of what is sent, as for the server; see docs/protocol.md.");
        set.Add(
            "--payload", OptionKind.Text("TEXT"), LoadOptions.DefaultPayload, (o, v) => o with { Payload = PayloadShape.Of(v) },
            "The payload of every packet, sent as UTF-8.");
        set.Add(
            "--payload-bytes",
            new OptionKind<(int Min, int Max)>(
                "N|MIN-MAX", ParseRange, range => range.Min == range.Max ? $"{range.Min}" : $"{range.Min}-{range.Max}"),
            default,
            (o, v) => o with { Payload = o.Payload with { MinBytes = v.Min, MaxBytes = v.Max } },
            "Length of the payload, 0 to 65535: the text is repeated or cut. With MIN-MAX all lengths are equally likely.",
            "the payload's own length");
        set.Add(
            "--packets-per-write", OptionKind.Integer(1, 1_000_000), none.PacketsPerWrite, (o, v) => o with { PacketsPerWrite = v },
            "Packets combined in one write, at most 16 MiB in all. The more, the less each costs.");
        set.Add(
            "--rate", OptionKind.Integer(1, 1_000_000_000L), 0, (o, v) => o with { Rate = v },
            "Packets per second in total, evenly spread in time and over the connections, even if the server is slower (open loop). "
            + "Latencies count from when a packet was due; late packets are counted, none is skipped.",
            "as fast as the server accepts");
        set.Add(
            "--duration", OptionKind.Duration(Millisecond, TimeSpan.FromDays(24)), LoadOptions.DefaultDuration,
            (o, v) => o with { Duration = v },
            "Time to send, from when all connections are made. With --packets, unlimited unless given.");
        set.Add(
            "--packets", OptionKind.Integer(1, long.MaxValue), 0, (o, v) => o with { Packets = v },
            "Packets to send in total, shared evenly by the connections; then the run ends.", "no end");
        set.Add(
            "--ramp-up", OptionKind.Integer(1, 1_000_000), 0, (o, v) => o with { RampUp = v },
            "New connections per second, each sending as soon as it is made. Without it, all are made first and start together.",
            "as fast as they are accepted");
        set.Add(
            "--split", OptionKind.Choice<SplitMode>(), default, (o, v) => o with { Split = v },
            "Writes each packet in pieces: header (the header, then the rest), bytes (one at a time), random.", "none");
        set.Add(
            "--serial", OptionKind.Flag, false, (o, v) => o with { Serial = v },
            "Starts each payload with two uint64, little-endian: the connection's number and the packet's number, both from 0.");
        set.Add(
            "--raw", OptionKind.Path(), null!, (o, v) => o with { RawFile = v },
            "Sends the bytes of a file as the packet, unchanged, for other protocols.", "none");
        set.Add(
            "--ack", OptionKind.Flag, false, (o, v) => o with { Ack = v },
            "Reads the server's acknowledgements, and measures from when a packet was due to its acknowledgement. At the end each "
            + "connection sends its FIN and reads until the server's.");
        set.Add(
            "--ack-log", OptionKind.Path(), null!, (o, v) => o with { AckLogFile = v },
            "File for the packets of each connection, one line each: its number, packets acknowledged, packets sent.", "none");
        set.Add(
            "--reconnect", OptionKind.Flag, false, (o, v) => o with { Reconnect = v },
            "Makes a connection again when it ends, with back-off. With --ack, packets that were not acknowledged are sent again.");
    }

    private static void AddTls(OptionSet<LoadOptions> set)
    {
        set.Add(
            "--tls", OptionKind.Flag, false, (o, v) => o with { Tls = v },
            "Encrypts the connections (TLS 1.2 or 1.3). The server's certificate must be valid for --host.");
        set.Add(
            "--tls-ca", OptionKind.Path(), null!, (o, v) => o with { TlsCaFile = v },
            "PEM file of the CAs that may have signed the server's certificate.", "those that this machine trusts");
        set.Add(
            "--tls-certificate", OptionKind.Path(), null!, (o, v) => o with { TlsCertificateFile = v },
            "The client's own certificate: PEM, or a PFX without password.", "none");
        set.Add(
            "--tls-key", OptionKind.Path(), null!, (o, v) => o with { TlsKeyFile = v },
            "PEM file of the certificate's key.", "in the certificate's file");
    }

    private static void AddAbuse(OptionSet<LoadOptions> set)
    {
        set.Add(
            "--abuse", new OptionKind<AbuseKind>(string.Join('|', AbuseKind.All), ParseKind, kind => $"{kind}"), null!,
            (o, v) => o with { Abuse = new AbuseOptions { Kind = v } },
            "Hostile peers next to the ordinary load, which is measured before, during and after them.", "none");
        set.Add(
            "--abuse-connections", OptionKind.Integer(1, 10_000_000), AbuseOptions.DefaultConnections,
            (o, v) => o with { Abuse = o.Abuse is null ? null : o.Abuse with { Connections = v } },
            "Hostile connections, each made once. With --abuse-rate or connect-flood they are made again, this number at a time.");
        set.Add(
            "--abuse-deadline", OptionKind.Duration(Millisecond, TimeSpan.FromDays(1)), AbuseOptions.DefaultDeadline,
            (o, v) => o with { Abuse = o.Abuse is null ? null : o.Abuse with { Deadline = v } },
            "The longest time that a hostile connection may stay open. One that exceeds it is closed, and the exit code is 5.");
        set.Add(
            "--abuse-rate", OptionKind.Integer(1, 1_000_000), 0,
            (o, v) => o with { Abuse = o.Abuse is null ? null : o.Abuse with { RatePerSecond = v } },
            "New hostile connections per second, for a third of the duration.", "all at once");
    }

    private static void RejectNextToRaw(ParsedOptions<LoadOptions> parsed)
    {
        foreach (string name in (ReadOnlySpan<string>)["--payload", "--payload-bytes", "--serial"])
        {
            if (parsed.IsGiven("--raw") && parsed.IsGiven(name))
            {
                parsed.Reject("--raw", $"excludes {name}");
            }
        }

        if (parsed.IsGiven("--raw") && parsed.Options.Split == SplitMode.Header)
        {
            parsed.Reject("--raw", "excludes --split header: the file's header is unknown");
        }
    }

    /// <summary>Rejects payloads that no packet can carry; returns whether it did.</summary>
    private static bool RejectPayload(ParsedOptions<LoadOptions> parsed, PayloadShape shape)
    {
        const int MaxPayloadBytes = 65_535; // of one packet on the tape
        string? fault = shape.MaxBytes > MaxPayloadBytes
                ? $"has {shape.MaxBytes} bytes, and a packet carries at most {MaxPayloadBytes}"
            : shape.Text.IsEmpty && shape.MaxBytes > 0
                ? "is empty, which cannot be repeated to the length of --payload-bytes"
            : FirstUnsayable(shape) is { } length ? $"may have {length} bytes, which no header of --header can announce"
            : null;
        if (fault is not null)
        {
            parsed.Reject("--payload", fault);
        }

        return fault is not null;
    }

    private static int? FirstUnsayable(PayloadShape shape)
    {
        for (int length = shape.MinBytes; length <= shape.MaxBytes; length++)
        {
            if (!shape.Header.CanSay(length))
            {
                return length;
            }
        }

        return null;
    }

    private static OptionKind<HeaderLayout> Header { get; } = new(
        "LAYOUT",
        text => HeaderLayout.TryParse(text, out HeaderLayout? layout, out string? error)
            ? Parsed.Of(layout)
            : Parsed.Fault<HeaderLayout>(error),
        layout => $"{layout}");

    private static Parsed<AbuseKind> ParseKind(string text) => AbuseKind.All.FirstOrDefault(kind => kind.Name == text) is { } known
        ? Parsed.Of(known)
        : Parsed.Fault<AbuseKind>($"is none of {string.Join(", ", AbuseKind.All)}");

    private static Parsed<(int Min, int Max)> ParseRange(string text)
    {
        string[] ends = text.Split('-');
        if (ends.Length > 2 || !TryParse(ends[0], out int min) || !TryParse(ends[^1], out int max))
        {
            return Parsed.Fault<(int, int)>("is neither a length nor MIN-MAX (0 to 65535)");
        }

        return min <= max ? Parsed.Of((min, max)) : Parsed.Fault<(int, int)>("has a minimum above its maximum");
    }

    private static bool TryParse(string text, out int bytes) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out bytes) && bytes <= 65_535;
}
