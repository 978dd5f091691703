using System.Text;
using DotNettyFraming.Codec;
using DotNettyFraming.LoadClient.Options;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>
/// A kind of hostile peer: its name for <c>--abuse</c>, and from the seed what its peers do. A new kind is declared here only.
/// </summary>
/// <remarks>Good packets are the default ones of the load: 32 bytes, stamped with the time.</remarks>
internal sealed class AbuseKind(string name, Func<int, HostileScript> script)
{
    /// <summary>
    /// A packet whose first byte is not <c>&amp;</c>, all else of it right, and a good packet behind it; then silence. A good server
    /// processes neither, and closes immediately.
    /// </summary>
    public static readonly AbuseKind BadPrefix = new("bad-prefix", _ => SendOnce(HostileTape.Of(Bad(), Good())));

    /// <summary>
    /// 1 to 20 good packets, then one with a wrong first byte and three good ones, in one write; then silence. A good server processes
    /// those before the fault, none behind it, and closes immediately.
    /// </summary>
    public static readonly AbuseKind BadPrefixLate = new("bad-prefix-late", seed =>
    {
        var tape = HostileTape.Of([.. Goods(20), Bad(), .. Goods(3)]);
        return SendOnce(tape, peer => RandomOf(seed, peer).Next(20) * Good().Length);
    });

    /// <summary>
    /// A header that announces 65,535 bytes, and 16 of them; then silence. A server that allows less (<c>--max-payload</c>) closes as soon
    /// as it has the header. To another it is a legal start: it closes at its time limit for one packet (<c>--packet-timeout</c>).
    /// </summary>
    public static readonly AbuseKind Oversize = new("oversize", _ => SendOnce(new HostileTape(Longest()[..(PacketHeader.Size + 16)], 0)));

    /// <summary>
    /// A packet of 65,542 bytes, one byte per second; the peers' seconds begin at different moments. Never idle for long, and never done:
    /// a good server has a time limit for the packet as well as for the pause.
    /// </summary>
    public static readonly AbuseKind SlowLoris = new("slow-loris", _ =>
    {
        var tape = new HostileTape(Longest()[..^1], 0); // without its last byte: after 18 hours, too, the packet is not whole
        return new HostileScript(tape, (_, step) =>
        {
            int sent = (step + 1) / 2; // a byte, a pause, a byte, a pause
            return sent == tape.Length ? HostileStep.Hold : step % 2 == 0 ? HostileStep.Send(sent, 1) : HostileStep.Pause;
        });
    });

    /// <summary>
    /// All but the last byte of a packet of 65,542 bytes; then silence. A good server bounds the memory that such peers hold, and closes
    /// at its time limit for one packet.
    /// </summary>
    public static readonly AbuseKind HalfPacket = new("half-packet", _ => SendOnce(new HostileTape(Longest()[..^1], 0)));

    /// <summary>
    /// 1 to 8 good packets and a piece of another, and then RST (SO_LINGER 0), as soon as they are written. A good server discards the
    /// piece, and logs no error. What it has not read by then is lost.
    /// </summary>
    public static readonly AbuseKind Reset = new("reset", seed => new HostileScript(HostileTape.Of([.. Goods(9)]), (peer, step) =>
    {
        Random random = RandomOf(seed, peer);
        int packet = Good().Length;
        return step > 0 ? HostileStep.Reset : HostileStep.Send(0, (random.Next(1, 9) * packet) + random.Next(1, packet));
    }))
    { EndsItself = "reset by us" };

    /// <summary>
    /// Connects and closes without a byte, again and again as long as the attack lasts. A good server has as many descriptors and as much
    /// memory afterwards as before. We close first, so our port stays taken (TIME_WAIT) for a second on the loopback interface, and for a
    /// minute elsewhere: what comes faster than ports are free again counts as refused, <c>AddressNotAvailable</c>.
    /// </summary>
    public static readonly AbuseKind ConnectFlood =
        new("connect-flood", _ => new HostileScript(new HostileTape([]), (_, _) => HostileStep.Close)) { ComesAgain = true };

    /// <summary>
    /// Random bytes, 16 KiB at a time, as long as they are taken. One in 256 starts with <c>&amp;</c>. A good server closes at the first
    /// byte that is no packet's; as it then has unread input, the close is mostly a reset.
    /// </summary>
    public static readonly AbuseKind RandomBytes = new("random-bytes", seed =>
    {
        // Each peer goes round one circle of random bytes from a place of its own; its end holds the first block once more.
        const int Circle = 1024 * 1024;
        const int Block = 16 * 1024;
        byte[] bytes = new byte[Circle + Block];
        new Random(seed).NextBytes(bytes.AsSpan(0, Circle));
        bytes.AsSpan(0, Block).CopyTo(bytes.AsSpan(Circle));
        return new HostileScript(new HostileTape(bytes), (peer, step) =>
            HostileStep.Send((int)((RandomOf(seed, peer).Next(Circle) + ((long)step * Block)) % Circle), Block));
    });

    /// <summary>All kinds.</summary>
    public static readonly IReadOnlyList<AbuseKind> All =
        [BadPrefix, BadPrefixLate, Oversize, SlowLoris, HalfPacket, Reset, ConnectFlood, RandomBytes];

    /// <summary>The name, as <c>--abuse</c> and the reports have it.</summary>
    public string Name => name;

    /// <summary>Whether new peers come for those that have ended, also without <c>--abuse-rate</c>.</summary>
    public bool ComesAgain { get; private init; }

    /// <summary>How a peer ends that ends by itself, to stand behind a number.</summary>
    public string EndsItself { get; private init; } = "closed by us";

    /// <summary>Returns what the peers do. The same seed gives each peer's number the same bytes.</summary>
    public HostileScript Script(int seed) => script(seed);

    public override string ToString() => name;

    /// <summary>One write of the tape, from an offset that depends on the peer's number, and then silence.</summary>
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
        packet[0] = PacketHeader.Prefix - 1; // '%'
        return packet;
    }

    private static byte[] Longest()
    {
        byte[] payload = new byte[PacketHeader.MaxPayloadLength];
        payload.AsSpan().Fill((byte)'1');
        return Packet(payload);
    }

    private static byte[] Packet(ReadOnlySpan<byte> payload)
    {
        byte[] packet = new byte[PacketHeader.Size + payload.Length];
        PacketEncoder.Write(packet, time: 0, payload);
        return packet;
    }
}
