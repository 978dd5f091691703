using System.Text;
using DotNettyFraming.Codec;
using DotNettyFraming.LoadClient.Options;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>What the peers of one kind do: one script for all of them, which knows their numbers and keeps nothing about them.</summary>
/// <param name="Tape">The bytes that they send.</param>
/// <param name="Next">From a peer's number and the number of its step, both from 0, to that step. Any thread.</param>
internal sealed record HostileScript(HostileTape Tape, Func<int, int, HostileStep> Next)
{
    /// <summary>The most good packets that <see cref="AbuseKind.BadPrefixLate"/> sends before the bad one.</summary>
    internal const int MostPacketsBeforeFault = 20;

    /// <summary>The most good packets that <see cref="AbuseKind.Reset"/> sends before the cut one.</summary>
    internal const int MostPacketsBeforeReset = 8;

    /// <summary>Bytes of payload that follow the header of <see cref="AbuseKind.Oversize"/>.</summary>
    internal const int OversizePayloadSent = 16;

    /// <summary>Bytes of one write of <see cref="AbuseKind.RandomBytes"/>.</summary>
    internal const int RandomBlock = 16 * 1024;

    private const byte WrongPrefix = PacketHeader.Prefix - 1; // '%'
    private const int PacketsAfterFault = 3;
    private const int RandomCircle = 1024 * 1024;

    /// <summary>The script of a kind.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="seed">The same seed gives each peer's number the same bytes.</param>
    public static HostileScript Of(AbuseKind kind, int seed) => kind switch
    {
        AbuseKind.BadPrefix => BadPrefix(),
        AbuseKind.BadPrefixLate => BadPrefixLate(seed),
        AbuseKind.Oversize => Oversize(),
        AbuseKind.SlowLoris => SlowLoris(),
        AbuseKind.HalfPacket => HalfPacket(),
        AbuseKind.Reset => Reset(seed),
        AbuseKind.ConnectFlood => new HostileScript(new HostileTape([]), (_, _) => HostileStep.Close),
        AbuseKind.RandomBytes => RandomBytes(seed),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such kind"),
    };

    private static HostileScript BadPrefix()
    {
        var tape = HostileTape.Of(Bad(), Good());
        return new HostileScript(tape, (_, step) => step == 0 ? HostileStep.Send(0, tape.Length) : HostileStep.Hold);
    }

    private static HostileScript BadPrefixLate(int seed)
    {
        byte[][] before = [.. Enumerable.Range(0, MostPacketsBeforeFault).Select(_ => Good())];
        byte[][] after = [.. Enumerable.Range(0, PacketsAfterFault).Select(_ => Good())];
        var tape = HostileTape.Of([.. before, Bad(), .. after]);
        return new HostileScript(tape, (peer, step) =>
        {
            if (step > 0)
            {
                return HostileStep.Hold;
            }

            int skipped = RandomOf(seed, peer).Next(MostPacketsBeforeFault) * before[0].Length;
            return HostileStep.Send(skipped, tape.Length - skipped);
        });
    }

    private static HostileScript Oversize()
    {
        var tape = new HostileTape(Longest()[..(PacketHeader.Size + OversizePayloadSent)], 0);
        return new HostileScript(tape, (_, step) => step == 0 ? HostileStep.Send(0, tape.Length) : HostileStep.Hold);
    }

    private static HostileScript SlowLoris()
    {
        // Without its last byte: after 18 hours, too, the packet is not whole.
        var tape = new HostileTape(Longest()[..^1], 0);
        return new HostileScript(tape, (_, step) =>
        {
            int sent = (step + 1) / 2; // a byte, a pause, a byte, a pause
            return sent == tape.Length ? HostileStep.Hold : step % 2 == 0 ? HostileStep.Send(sent, 1) : HostileStep.Pause;
        });
    }

    private static HostileScript HalfPacket()
    {
        var tape = new HostileTape(Longest()[..^1], 0);
        return new HostileScript(tape, (_, step) => step == 0 ? HostileStep.Send(0, tape.Length) : HostileStep.Hold);
    }

    private static HostileScript Reset(int seed)
    {
        byte[][] packets = [.. Enumerable.Range(0, MostPacketsBeforeReset + 1).Select(_ => Good())];
        var tape = HostileTape.Of(packets);
        return new HostileScript(tape, (peer, step) =>
        {
            if (step > 0)
            {
                return HostileStep.Reset;
            }

            Random random = RandomOf(seed, peer);
            int whole = random.Next(1, MostPacketsBeforeReset + 1) * packets[0].Length;
            return HostileStep.Send(0, whole + random.Next(1, packets[0].Length));
        });
    }

    /// <summary>Each peer goes round one circle of random bytes from a place of its own; its end holds the first block once more.</summary>
    private static HostileScript RandomBytes(int seed)
    {
        byte[] bytes = new byte[RandomCircle + RandomBlock];
        new Random(seed).NextBytes(bytes.AsSpan(0, RandomCircle));
        bytes.AsSpan(0, RandomBlock).CopyTo(bytes.AsSpan(RandomCircle));
        return new HostileScript(new HostileTape(bytes), (peer, step) =>
        {
            long start = RandomOf(seed, peer).Next(RandomCircle);
            return HostileStep.Send((int)((start + ((long)step * RandomBlock)) % RandomCircle), RandomBlock);
        });
    }

    private static Random RandomOf(int seed, int peer) => new(unchecked(seed + (peer * (int)2_654_435_769)));

    private static byte[] Good() => Packet(Encoding.UTF8.GetBytes(LoadOptions.DefaultPayload));

    private static byte[] Bad()
    {
        byte[] packet = Good();
        packet[0] = WrongPrefix;
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
