using DotNettyFraming.Codec;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.Tests.Codec;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

/// <summary>The bytes that each kind of hostile peer sends, and what it does after them.</summary>
public sealed class HostileScriptTests
{
    private const uint Time = 1_700_000_000;

    private static readonly ReceivedPacket Good = new(Time, "1234512345123451234512345"u8.ToArray());

    [Test]
    public void Kinds_are_those_of_the_contract() => Assert.That(AbuseKind.All.Select(kind => kind.Name), Is.EqualTo(new[]
    {
        "bad-prefix", "bad-prefix-late", "oversize", "slow-loris", "half-packet", "reset", "connect-flood", "random-bytes",
    }));

    [Test]
    public void Bad_prefix_is_a_packet_wrong_in_its_first_byte_alone_before_a_good_one()
    {
        (byte[] sent, HostileAction last) = Play(AbuseKind.BadPrefix);

        Assert.That(new ReferenceDecoder().Feed(sent).Fault, Is.EqualTo(new FramingFault(FramingFaultKind.InvalidPrefix, 0, sent[0])));
        AssertDecodes([(byte)'&', .. sent[1..]], [Good, Good], unfinished: 0);
        Assert.That(last, Is.EqualTo(HostileAction.Hold));
    }

    [Test]
    public void Bad_prefix_late_comes_after_1_to_20_good_packets_and_before_three()
    {
        var before = new HashSet<int>();
        for (int peer = 0; peer < 500; peer++)
        {
            (byte[] sent, HostileAction last) = Play(AbuseKind.BadPrefixLate, peer);
            ReferenceDecoder decoder = new ReferenceDecoder().Feed(sent);
            int good = decoder.Packets.Count;
            before.Add(good);

            Assert.That(decoder.Packets, Is.All.EqualTo(Good));
            Assert.That(decoder.Fault, Is.EqualTo(new FramingFault(FramingFaultKind.InvalidPrefix, good * 32, sent[good * 32])));
            sent[good * 32] = (byte)'&';
            AssertDecodes(sent, [.. Enumerable.Repeat(Good, good + 4)], unfinished: 0);
            Assert.That(last, Is.EqualTo(HostileAction.Hold));
        }

        Assert.That(before, Is.EquivalentTo(Enumerable.Range(1, 20)));
    }

    [Test]
    public void Oversize_announces_the_longest_payload_and_sends_16_bytes_of_it()
    {
        (byte[] sent, HostileAction last) = Play(AbuseKind.Oversize);

        Assert.That(PacketHeader.TryRead(sent, out PacketHeader header), Is.True);
        Assert.That(header, Is.EqualTo(new PacketHeader(65_535, Time)));
        Assert.That(sent, Has.Length.EqualTo(7 + 16));
        Assert.That(new ReferenceDecoder(maxPayload: 65_534).Feed(sent).Fault!.Kind, Is.EqualTo(FramingFaultKind.PayloadTooLarge));
        Assert.That(last, Is.EqualTo(HostileAction.Hold));
    }

    [Test]
    public void Half_packet_lacks_the_last_byte_of_the_longest_packet()
    {
        (byte[] sent, HostileAction last) = Play(AbuseKind.HalfPacket);

        AssertDecodes(sent, [], unfinished: 65_541);
        Assert.That(new ReferenceDecoder().Feed([.. sent, 0]).Packets.Single().Payload, Has.Length.EqualTo(65_535));
        Assert.That(last, Is.EqualTo(HostileAction.Hold));
    }

    [Test]
    public void Slow_loris_sends_the_longest_packet_byte_by_byte_with_a_pause_after_each_and_never_the_last()
    {
        HostileScript script = AbuseKind.SlowLoris.Script(1);
        byte[] tape = script.Tape.Stamped(Time);
        var sent = new List<byte>();
        int step = 0;
        for (; script.Next(0, step).Action != HostileAction.Hold; step++)
        {
            HostileStep next = script.Next(0, step);
            Assert.That(next.Action, Is.EqualTo(step % 2 == 0 ? HostileAction.Send : HostileAction.Pause));
            if (next.Action == HostileAction.Send)
            {
                sent.AddRange(tape.AsSpan(next.Offset, next.Length));
            }
        }

        Assert.That(step, Is.EqualTo(2 * 65_541).Within(1));
        AssertDecodes([.. sent], [], unfinished: 65_541);
    }

    [Test]
    public void Reset_sends_1_to_8_good_packets_and_a_piece_of_one()
    {
        var streams = new HashSet<(int Packets, int Piece)>();
        for (int peer = 0; peer < 2_000; peer++)
        {
            (byte[] sent, HostileAction last) = Play(AbuseKind.Reset, peer);
            ReferenceDecoder decoder = new ReferenceDecoder().Feed(sent);
            streams.Add((decoder.Packets.Count, decoder.Unfinished));

            Assert.That(decoder.Packets, Is.All.EqualTo(Good));
            Assert.That(decoder.Fault, Is.Null);
            Assert.That(last, Is.EqualTo(HostileAction.Reset));
        }

        Assert.That(streams.Select(stream => stream.Packets).Distinct(), Is.EquivalentTo(Enumerable.Range(1, 8)));
        Assert.That(streams.Select(stream => stream.Piece).Distinct(), Is.EquivalentTo(Enumerable.Range(1, 31)));
    }

    [Test]
    public void Connect_flood_closes_without_a_byte()
    {
        (byte[] sent, HostileAction last) = Play(AbuseKind.ConnectFlood);

        Assert.That(sent, Is.Empty);
        Assert.That(last, Is.EqualTo(HostileAction.Close));
    }

    [Test]
    public void Random_bytes_are_random_without_end_and_different_for_each_peer()
    {
        byte[][] streams = [.. Enumerable.Range(0, 8).Select(peer => Play(AbuseKind.RandomBytes, peer, steps: 40).Sent)];

        foreach (byte[] stream in streams)
        {
            Assert.That(stream, Has.Length.EqualTo(40 * 16 * 1024));
            int[] counts = new int[256];
            foreach (byte b in stream)
            {
                counts[b]++;
            }

            Assert.That(counts, Is.All.InRange(2_560 - 400, 2_560 + 400)); // expected 2,560, standard deviation 50
        }

        Assert.That(streams.Select(stream => Convert.ToHexString(stream.AsSpan(0, 16))).Distinct().Count(), Is.EqualTo(streams.Length));
    }

    [TestCase("bad-prefix-late")]
    [TestCase("reset")]
    [TestCase("random-bytes")]
    public void Seed_and_number_make_the_same_stream_again_and_another_seed_another(string name)
    {
        AbuseKind kind = AbuseKind.All.Single(kind => kind.Name == name);
        string[] streams = StreamsOf(7);

        Assert.That(StreamsOf(7), Is.EqualTo(streams));
        Assert.That(StreamsOf(8), Is.Not.EqualTo(streams));

        string[] StreamsOf(int seed) =>
            [.. Enumerable.Range(0, 10).Select(peer => Convert.ToHexString(Play(kind, peer, seed, steps: 3).Sent))];
    }

    [Test]
    public void Tape_is_shared_within_a_second_and_keeps_its_time_when_the_next_one_is_stamped()
    {
        HostileTape tape = AbuseKind.HalfPacket.Script(1).Tape;

        byte[] first = tape.Stamped(Time);
        Assert.That(tape.Stamped(Time), Is.SameAs(first));
        byte[] second = tape.Stamped(Time + 1);

        PacketHeader.TryRead(first, out PacketHeader old);
        PacketHeader.TryRead(second, out PacketHeader now);
        Assert.That((old.Time, now.Time), Is.EqualTo((Time, Time + 1)));
        Assert.That(second[7..], Is.EqualTo(first[7..]));
    }

    private static (byte[] Sent, HostileAction Last) Play(AbuseKind kind, int peer = 0, int seed = 1, int steps = 10)
    {
        HostileScript script = kind.Script(seed);
        byte[] tape = script.Tape.Stamped(Time);
        var sent = new List<byte>();
        for (int step = 0; step < steps; step++)
        {
            HostileStep next = script.Next(peer, step);
            if (next.Action != HostileAction.Send)
            {
                return ([.. sent], next.Action);
            }

            sent.AddRange(tape.AsSpan(next.Offset, next.Length));
        }

        return ([.. sent], HostileAction.Send);
    }

    private static void AssertDecodes(byte[] bytes, ReceivedPacket[] packets, int unfinished)
    {
        ReferenceDecoder decoder = new ReferenceDecoder().Feed(bytes);
        Assert.That(decoder.Packets, Is.EqualTo(packets));
        Assert.That(decoder.Fault, Is.Null);
        Assert.That(decoder.Unfinished, Is.EqualTo(unfinished));
    }
}
