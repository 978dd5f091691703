using DotNetty.Buffers;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

/// <summary>Bad prefixes and lengths above the maximum: the packets before, one fault, nothing after it.</summary>
[TestFixture]
[CancelAfter(30_000)]
public class PacketDecoderFaultTests
{
    [Test]
    public void Bad_prefix_as_a_single_byte_is_a_fault_immediately([Values(0x00, 0x25, 0x27, 0xFF)] byte found)
    {
        using var decoder = new DecoderHarness();

        decoder.Read([found]);

        Assert.That(decoder.Faults, Is.EqualTo([new FramingFault(FramingFaultKind.InvalidPrefix, 0, found)]));
        Assert.That(decoder.Counters.BytesDiscarded, Is.EqualTo(1));
    }

    [Test]
    public void Bad_prefix_with_the_largest_length_is_a_fault_before_its_payload_arrives()
    {
        using var decoder = new DecoderHarness();

        decoder.Read([(byte)'X', 0xFF, 0xFF]);

        Assert.That(decoder.Faults, Is.EqualTo([new FramingFault(FramingFaultKind.InvalidPrefix, 0, 'X')]));
    }

    [Test]
    public void Bad_prefix_in_the_nth_packet_comes_after_the_packets_before_it([Values(1, 2, 3, 100)] int n)
    {
        byte[] stream = [.. Wire.Packets([.. Enumerable.Range(0, n)]), .. "X"u8, .. Wire.Packets(1, 2)];
        using var decoder = new DecoderHarness();

        decoder.Read(stream);

        Assert.That(decoder.Packets.Select(p => p.Payload.Length), Is.EqualTo(Enumerable.Range(0, n)));
        Assert.That(decoder.Faults, Is.EqualTo([new FramingFault(FramingFaultKind.InvalidPrefix, (7 * n) + (n * (n - 1) / 2), 'X')]));
    }

    [Test]
    public void Bad_prefix_of_an_otherwise_valid_packet_is_a_fault()
    {
        using var decoder = new DecoderHarness();

        decoder.Read([.. Wire.Packets(1, 2), (byte)'X', .. Wire.Packet(3)[1..], .. Wire.Packet(4)]);

        Assert.That(decoder.Packets, Has.Count.EqualTo(2));
        Assert.That(decoder.Faults, Is.EqualTo([new FramingFault(FramingFaultKind.InvalidPrefix, 17, 'X')]));
    }

    [Test]
    public void Bad_prefix_is_the_same_fault_however_the_stream_is_split()
    {
        byte[] stream = [.. Wire.Packets(2, 0, 3), .. "X"u8, .. Wire.Packets(1)];
        AssertAsReference(stream, 65535);
    }

    [Test]
    public void Bad_prefix_behind_the_end_of_a_packet_is_in_the_same_read()
    {
        byte[] packet = Wire.Packet(4);
        using var decoder = new DecoderHarness();

        decoder.Read(packet[..5], [.. packet[5..], (byte)'X', .. packet]);

        Assert.That(decoder.Packets, Has.Count.EqualTo(1));
        Assert.That(decoder.Faults, Is.EqualTo([new FramingFault(FramingFaultKind.InvalidPrefix, 11, 'X')]));
    }

    [Test]
    public void Prefix_inside_a_payload_is_payload()
    {
        using var decoder = new DecoderHarness();

        decoder.Read([.. Wire.Header(3), .. "X&X"u8, .. Wire.Header(1), .. "&"u8]);

        Assert.That(decoder.Packets, Has.Count.EqualTo(2));
        Assert.That(decoder.Faults, Is.Empty);
    }

    [Test]
    public void Length_above_the_maximum_is_a_fault_at_its_third_byte()
    {
        using var decoder = new DecoderHarness(maxPayload: 999);

        decoder.Read([.. Wire.Packet(8), 0x26, 0xE8]);
        Assert.That(decoder.Faults, Is.Empty);
        decoder.Read([0x03]);

        Assert.That(decoder.Faults, Is.EqualTo([new FramingFault(FramingFaultKind.PayloadTooLarge, 15, 1000)]));
        Assert.That(decoder.Counters.BytesDiscarded, Is.EqualTo(3));
    }

    [Test]
    public void Length_above_the_maximum_is_the_same_fault_however_the_stream_is_split([Values(0, 1, 4, 255, 256)] int maxPayload)
    {
        byte[] stream = [.. Wire.Packets(0, maxPayload), .. Wire.Packet(maxPayload + 1), .. Wire.Packets(0)];
        AssertAsReference(stream, maxPayload);
    }

    [Test]
    public void Length_of_the_maximum_is_accepted_and_one_above_is_not([Values(0, 1, 1024, 65534)] int maxPayload)
    {
        using var decoder = new DecoderHarness(maxPayload);

        decoder.Read(Wire.Packet(maxPayload), Wire.Header(maxPayload + 1));

        Assert.That(decoder.Packets, Has.Count.EqualTo(1));
        Assert.That(
            decoder.Faults,
            Is.EqualTo([new FramingFault(FramingFaultKind.PayloadTooLarge, 7 + maxPayload, maxPayload + 1)]));
    }

    [Test]
    public void Every_length_is_accepted_where_the_maximum_is_the_largest()
    {
        using var decoder = new DecoderHarness(maxPayload: 65535);

        decoder.Read(Wire.Packet(65535), Wire.Header(65535));

        Assert.That(decoder.Packets, Has.Count.EqualTo(1));
        Assert.That(decoder.Faults, Is.Empty);
    }

    [Test]
    public void Wrong_prefix_wins_over_a_length_above_the_maximum()
    {
        using var decoder = new DecoderHarness(maxPayload: 0);

        decoder.Read("XXXX"u8.ToArray());

        Assert.That(decoder.Faults.Single().Kind, Is.EqualTo(FramingFaultKind.InvalidPrefix));
    }

    [Test]
    public void Nothing_comes_after_a_fault([Values] bool removedFirst)
    {
        using var decoder = new DecoderHarness(maxPayload: 10);
        decoder.Read([.. Wire.Packet(1), (byte)'X']);

        decoder.Read(Wire.Packet(2), Wire.Packet(11), "Y"u8.ToArray(), [0x26], Wire.Packet(3)[..5]);
        Assert.That(decoder.Decoder.UnfinishedPacketOffset, Is.EqualTo(-1));
        if (removedFirst)
        {
            decoder.Channel.Pipeline.Remove(decoder.Decoder);
        }

        decoder.Close();

        Assert.That(decoder.Packets, Has.Count.EqualTo(1));
        Assert.That(decoder.Faults, Has.Count.EqualTo(1), "counted once");
        Assert.That(decoder.Counters.BytesDiscarded, Is.EqualTo(1 + 9 + 18 + 1 + 1 + 5));
    }

    [Test]
    public void Read_buffer_is_given_back_with_a_fault_and_after_it()
    {
        using var decoder = new DecoderHarness();
        IByteBuffer faulty = PooledByteBufferAllocator.Default.HeapBuffer().WriteBytes("X"u8.ToArray());
        IByteBuffer later = PooledByteBufferAllocator.Default.HeapBuffer().WriteBytes(Wire.Packet(1));

        decoder.Read(faulty).Read(later);

        Assert.That((faulty.ReferenceCount, later.ReferenceCount), Is.EqualTo((0, 0)));
    }

    /// <summary>Compares every split in two and in three with the reference.</summary>
    private static void AssertAsReference(byte[] stream, int maxPayload)
    {
        ReferenceDecoder expected = new ReferenceDecoder(maxPayload).Feed(stream).End();
        for (int a = 0; a <= stream.Length; a++)
        {
            for (int b = a; b <= Math.Min(stream.Length, a + 40); b++)
            {
                using var decoder = new DecoderHarness(maxPayload, UnpooledByteBufferAllocator.Default);
                decoder.Read(Wire.Cut(stream, a, b)).Close();

                if (!decoder.Packets.SequenceEqual(expected.Packets)
                    || decoder.Faults.SingleOrDefault() != expected.Fault
                    || decoder.Counters.BytesDiscarded != expected.Discarded)
                {
                    Assert.Fail(
                        $"cut at {a} and {b}: {decoder.Packets.Count} packets, {decoder.Faults.SingleOrDefault()}, "
                        + $"{decoder.Counters.BytesDiscarded} discarded; "
                        + $"expected {expected.Packets.Count}, {expected.Fault}, {expected.Discarded}");
                }
            }
        }
    }
}
