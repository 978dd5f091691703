using System.Text;
using DotNettyFraming.Codec;
using DotNettyFraming.LoadClient.Options;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>A kind of hostile peer: its name for <c>--abuse</c>, and its script for a seed. A new kind is declared here only.</summary>
/// <remarks>A good packet is the default one of the load: 32 bytes, stamped with the time.</remarks>
internal sealed class AbuseKind(string name, Func<int, HostileScript> script)
{
    /// <summary>Sends a packet with a wrong first byte and a good one; a good server processes neither and closes immediately.</summary>
    public static readonly AbuseKind BadPrefix = new("bad-prefix", _ => SendOnce(HostileTape.Of(Bad(), Good())));

    /// <summary>Sends 1 to 20 good packets, one with a wrong first byte and three good ones, in one write.</summary>
    /// <remarks>A good server processes those before the fault, none after it, and closes immediately.</remarks>
    public static readonly AbuseKind BadPrefixLate = new("bad-prefix-late", seed =>
    {
        var tape = HostileTape.Of([.. Goods(20), Bad(), .. Goods(3)]);
        return SendOnce(tape, peer => RandomOf(seed, peer).Next(20) * Good().Length);
    });

    /// <summary>Sends a header that announces 65,535 bytes, and 16 of them.</summary>
    /// <remarks>A good server closes at the header if <c>--max-payload</c> is lower, otherwise after <c>--packet-timeout</c>.</remarks>
    public static readonly AbuseKind Oversize = new(
        "oversize", _ => SendOnce(new HostileTape(Longest()[..(HeaderLayout.Default.MaxHeaderLength + 16)], 0)));

    /// <summary>Sends a packet of 65,542 bytes, one byte per second, so that only a time limit for the whole packet helps.</summary>
    public static readonly AbuseKind SlowLoris = new("slow-loris", _ =>
    {
        var tape = new HostileTape(Longest()[..^1], 0); // without its last byte, so that the packet stays incomplete after 18 hours
        return new HostileScript(tape, (_, step) =>
        {
            int sent = (step + 1) / 2; // a byte, a pause, a byte, a pause
            return sent == tape.Length ? HostileStep.Hold : step % 2 == 0 ? HostileStep.Send(sent, 1) : HostileStep.Pause;
        });
    });

    /// <summary>Sends all but the last byte of a packet of 65,542 bytes; a good server bounds the memory that such peers hold.</summary>
    public static readonly AbuseKind HalfPacket = new("half-packet", _ => SendOnce(new HostileTape(Longest()[..^1], 0)));

    /// <summary>Sends 1 to 8 good packets and a part of another, then RST (SO_LINGER 0); a good server logs no error.</summary>
    public static readonly AbuseKind Reset = new("reset", seed => new HostileScript(HostileTape.Of([.. Goods(9)]), (peer, step) =>
    {
        Random random = RandomOf(seed, peer);
        int packet = Good().Length;
        return step > 0 ? HostileStep.Reset : HostileStep.Send(0, (random.Next(1, 9) * packet) + random.Next(1, packet));
    }))
    { EndsItself = "reset by us" };

    /// <summary>Connects and closes without a byte, repeatedly; a good server then has as many descriptors as before.</summary>
    /// <remarks>
    /// The client closes first, so its port stays in TIME_WAIT: a second on the loopback interface, a minute elsewhere. Connections
    /// beyond the free ports count as refused (<c>AddressNotAvailable</c>).
    /// </remarks>
    public static readonly AbuseKind ConnectFlood =
        new("connect-flood", _ => new HostileScript(new HostileTape([]), (_, _) => HostileStep.Close)) { ComesAgain = true };

    /// <summary>Sends random bytes, 16 KiB at a time; a good server closes at the first byte that fits no packet.</summary>
    /// <remarks>One peer in 256 starts with <c>&amp;</c>. The server then has unread input, so its close is mostly a reset.</remarks>
    public static readonly AbuseKind RandomBytes = new("random-bytes", seed =>
    {
        // All peers share a circle of random bytes, each from its own start. The first block is repeated at the end.
        const int Circle = 1024 * 1024;
        const int Block = 16 * 1024;
        byte[] bytes = new byte[Circle + Block];
        new Random(seed).NextBytes(bytes.AsSpan(0, Circle));
        bytes.AsSpan(0, Block).CopyTo(bytes.AsSpan(Circle));
        return new HostileScript(new HostileTape(bytes), (peer, step) =>
            HostileStep.Send((int)((RandomOf(seed, peer).Next(Circle) + ((long)step * Block)) % Circle), Block));
    });

    public static readonly IReadOnlyList<AbuseKind> All =
        [BadPrefix, BadPrefixLate, Oversize, SlowLoris, HalfPacket, Reset, ConnectFlood, RandomBytes];

    /// <summary>The name in <c>--abuse</c> and in the reports.</summary>
    public string Name => name;

    /// <summary>Whether new peers replace those that have ended even without <c>--abuse-rate</c>.</summary>
    public bool ComesAgain { get; private init; }

    /// <summary>The end of a peer that ends by itself, worded to follow a number.</summary>
    public string EndsItself { get; private init; } = "closed by us";

    /// <summary>Returns the script; the same seed and peer number always give the same bytes.</summary>
    public HostileScript Script(int seed) => script(seed);

    public override string ToString() => name;

    /// <summary>Returns a script of one write, from an offset that may depend on the peer's number, and then silence.</summary>
    private static HostileScript SendOnce(HostileTape tape, Func<int, int>? offset = null) => new(tape, (peer, step) =>
    {
        int skipped = step == 0 ? offset?.Invoke(peer) ?? 0 : 0;
        return step == 0 ? HostileStep.Send(skipped, tape.Length - skipped) : HostileStep.Hold;
    });

    private static Random RandomOf(int seed, int peer) => new(unchecked(seed + (peer * (int)2_654_435_769)));

    private static byte[] Good() => Packet(Encoding.UTF8.GetBytes(LoadOptions.DefaultPayload));

    private static IEnumerable<byte[]> Goods(int count) => Enumerable.Range(0, count).Select(_ => Good());

    private static byte[] Bad()
    {
        byte[] packet = Good();
        packet[0] = (byte)'%';
        return packet;
    }

    private static byte[] Longest()
    {
        byte[] payload = new byte[HeaderLayout.Default.MaxPayloadLength];
        payload.AsSpan().Fill((byte)'1');
        return Packet(payload);
    }

    private static byte[] Packet(ReadOnlySpan<byte> payload)
    {
        byte[] packet = new byte[HeaderLayout.Default.MaxHeaderLength + payload.Length];
        HeaderLayout.Default.WritePacket(packet, time: 0, payload);
        return packet;
    }
}
