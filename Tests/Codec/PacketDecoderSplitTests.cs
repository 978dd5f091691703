using DotNetty.Buffers;

namespace DotNettyFraming.Tests.Codec;

/// <summary>The same packets, however the stream is split into reads.</summary>
[TestFixture]
[CancelAfter(60_000)]
public class PacketDecoderSplitTests
{
    /// <summary>Payload lengths of streams that are split everywhere.</summary>
    private static readonly int[][] Shapes =
    [
        [0], [1], [2], [7], [0, 0], [0, 1], [1, 0], [2, 5], [0, 0, 0], [1, 0, 2], [0, 3, 0], [5, 5, 5],
    ];

    [Test]
    public void Byte_at_a_time_gives_each_packet_with_its_last_byte([ValueSource(nameof(Shapes))] int[] payloads)
    {
        using var decoder = new DecoderHarness();
        int expected = 0;
        foreach (int payload in payloads)
        {
            byte[] packet = Wire.Packet(payload);
            foreach (byte b in packet[..^1])
            {
                decoder.Read([b]);
                Assert.That(decoder.Packets, Has.Count.EqualTo(expected));
            }

            decoder.Read([packet[^1]]);
            Assert.That(decoder.Packets, Has.Count.EqualTo(++expected));
        }
    }

    [Test]
    public void Split_in_two_anywhere_gives_the_same_packets([ValueSource(nameof(Shapes))] int[] payloads)
    {
        byte[] stream = Wire.Packets(payloads);
        for (int cut = 0; cut <= stream.Length; cut++)
        {
            AssertSamePackets(stream, cut);
        }
    }

    [Test]
    public void Split_in_any_number_of_pieces_gives_the_same_packets([Values("0", "1", "7", "0,0", "0,1", "1,0")] string payloads)
    {
        byte[] stream = Wire.Packets([.. payloads.Split(',').Select(int.Parse)]);
        for (int pattern = 0; pattern < 1 << (stream.Length - 1); pattern++)
        {
            int cuts = pattern;
            AssertSamePackets(stream, [.. Enumerable.Range(1, stream.Length - 1).Where(i => (cuts >> (i - 1) & 1) != 0)]);
        }
    }

    [Test]
    public void Three_packets_split_in_up_to_four_pieces_are_the_same_packets([Values("0,0,0", "1,0,2", "0,3,0")] string payloads)
    {
        byte[] stream = Wire.Packets([.. payloads.Split(',').Select(int.Parse)]);
        for (int a = 0; a <= stream.Length; a++)
        {
            for (int b = a; b <= stream.Length; b++)
            {
                for (int c = b; c <= stream.Length; c++)
                {
                    AssertSamePackets(stream, a, b, c);
                }
            }
        }
    }

    // Packets of 1024 and 1025 bytes: the first gets its whole room, the second a buffer that grows.
    [TestCase(1017)]
    [TestCase(1018)]
    public void Packet_at_the_border_of_growing_is_the_same_however_split(int payload)
    {
        byte[] stream = Wire.Packets(payload, payload);
        for (int cut = 0; cut <= stream.Length; cut++)
        {
            AssertSamePackets(stream, cut);
            AssertSamePackets(stream, cut / 2, cut);
        }
    }

    [Test]
    [Category("Slow")]
    public void Largest_payload_is_exact_however_split()
    {
        byte[] stream = Wire.Packets(65535, 0, 65535);
        int[] cuts = [.. Enumerable.Range(0, 10), .. Enumerable.Range(1, 130).Select(i => i * 997), .. Enumerable.Range(65536, 16)];
        foreach (int cut in cuts)
        {
            AssertSamePackets(stream, cut);
            AssertSamePackets(stream, cut / 2, cut);
        }
    }

    [Test]
    public void Largest_payload_is_exact_a_byte_at_a_time()
    {
        byte[] stream = Wire.Packets(65535);
        using var decoder = new DecoderHarness();
        var expected = new ReferenceDecoder().Feed(stream);

        foreach (byte b in stream)
        {
            decoder.Read([b]);
        }

        Assert.That(decoder.Packets, Is.EqualTo(expected.Packets));
    }

    private static void AssertSamePackets(byte[] stream, params int[] cuts)
    {
        var expected = new ReferenceDecoder().Feed(stream);

        // Unpooled: the leak detector takes a stack trace for each pooled tail.
        using var decoder = new DecoderHarness(allocator: UnpooledByteBufferAllocator.Default);

        decoder.Read(Wire.Cut(stream, cuts));

        if (!decoder.Packets.SequenceEqual(expected.Packets) || decoder.Faults.Count != 0 || decoder.Counters.BytesUnfinished != 0)
        {
            Assert.Fail($"cut at {string.Join(',', cuts)}: {decoder.Packets.Count} packets, {decoder.Faults.Count} faults");
        }
    }
}
