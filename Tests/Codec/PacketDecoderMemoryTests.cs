using DotNetty.Buffers;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

/// <summary>Memory held for unfinished packets, as the allocators count it.</summary>
[TestFixture]
[NonParallelizable]
[CancelAfter(30_000)]
public class PacketDecoderMemoryTests
{
    private UnpooledByteBufferAllocator _channelAllocator = null!;
    private long _before;

    /// <summary>Bytes held: small tails are from the channel's allocator, large ones are unpooled.</summary>
    private long Held => _channelAllocator.Metric.UsedHeapMemory + UnpooledByteBufferAllocator.Default.Metric.UsedHeapMemory - _before;

    [SetUp]
    public void Make_allocator()
    {
        _channelAllocator = new UnpooledByteBufferAllocator();
        _before = UnpooledByteBufferAllocator.Default.Metric.UsedHeapMemory;
    }

    [Test]
    public void Tail_is_at_most_its_packet_and_an_eighth_more_than_was_sent(
        [Values(1, 2, 3, 7, 100, 1460, 8192)] int readSize, [Values(0, 1, 500, 1017, 1018, 40_000, 65_535)] int payload)
    {
        byte[] packet = Wire.Packet(payload);
        using var decoder = new DecoderHarness(allocator: _channelAllocator);
        for (int sent = Math.Min(readSize, packet.Length); sent < packet.Length; sent += readSize)
        {
            decoder.Read(packet[(sent - readSize)..sent]);

            // Up to 1 KiB the whole packet's room is allocated with the first part.
            long allowed = packet.Length <= 1024 ? Math.Max(7, packet.Length) : Math.Min(packet.Length, (sent * 9 / 8) + 8);
            if (Held < sent || Held > allowed)
            {
                Assert.Fail($"{Held} bytes held for {sent} sent, {allowed} allowed");
            }
        }

        decoder.Close();
        Assert.That(Held, Is.Zero);
    }

    [Test]
    public void Large_packet_in_one_byte_reads_is_copied_a_bounded_number_of_times()
    {
        byte[] packet = Wire.Packet(65_535);
        using var decoder = new DecoderHarness(allocator: _channelAllocator);
        int growths = 0;
        long copied = 0;
        long held = 0;

        foreach (byte b in packet[..^1])
        {
            decoder.Read([b]);
            if (Held != held)
            {
                growths++;
                copied += held;
                held = Held;
            }
        }

        // Growth by an eighth: the old capacities add up to a little more than 8 times the last one.
        Assert.That(growths, Is.LessThan(120));
        Assert.That(copied, Is.LessThan(10 * packet.Length));
    }

    [Test]
    public void First_part_that_misses_little_gets_the_whole_packets_room()
    {
        byte[] packet = Wire.Packet(65_535);
        using var decoder = new DecoderHarness(allocator: _channelAllocator);

        decoder.Read(packet[..65_536]);
        Assert.That(Held, Is.EqualTo(packet.Length), "no second array for six bytes more");
        decoder.Close();
    }

    [Test]
    public void Abandoned_decoder_holds_nothing_and_discards_later_input()
    {
        var counters = new DecoderCounters();
        var channel = new EmbeddedChannel(new PacketDecoder(counters: counters));
        PacketDecoder decoder = channel.Pipeline.Get<PacketDecoder>();
        channel.WriteInbound(Unpooled.WrappedBuffer(Wire.Packet(65_000)[..40_000]));

        decoder.Abandon();
        channel.WriteInbound(Unpooled.WrappedBuffer(Wire.Packet(10)));

        Assert.Multiple(() =>
        {
            Assert.That(Held, Is.Zero);
            Assert.That(counters.BytesAllocated, Is.Zero);
            Assert.That(counters.BytesDiscarded, Is.EqualTo(40_017));
            Assert.That(channel.InboundMessages, Is.Empty);
        });
        channel.FinishAndReleaseAll();
        Assert.That(counters.BytesDiscarded, Is.EqualTo(40_017), "once");
    }

    [Test]
    public void Each_change_of_memory_is_reported_and_all_of_it_returns()
    {
        var changes = new List<int>();
        var counters = new DecoderCounters { AllocationChanged = changes.Add };
        var channel = new EmbeddedChannel(new PacketDecoder(counters: counters));

        channel.WriteInbound(Unpooled.WrappedBuffer(Wire.Packet(65_000)[..40_000]));
        channel.WriteInbound(Unpooled.WrappedBuffer(Wire.Packet(65_000)[40_000..60_000]));
        channel.FinishAndReleaseAll();

        Assert.That(changes, Is.EqualTo(new[] { 40_000, 25_007, -65_007 }));
    }

    [Test]
    public void Parts_among_many_are_pinned_and_never_larger_than_their_packet()
    {
        byte[] packet = Wire.Packet(65_535);
        using var decoder = new DecoderHarness();
        decoder.Counters.Allocated((16 * 1024 * 1024) + 1); // held by others

        decoder.Read(packet[..40_000], packet[40_000..50_000]);
        Assert.That(decoder.Decoder.UnfinishedPacketCapacity, Is.EqualTo(50_000));
        decoder.Read(packet[50_000..]);

        Assert.That(decoder.Packets, Has.Count.EqualTo(1));
        Assert.That(decoder.Counters.BytesAllocated, Is.EqualTo((16 * 1024 * 1024) + 1));
    }

    [Test]
    public void First_part_is_held_at_its_exact_size()
    {
        using var decoder = new DecoderHarness(allocator: _channelAllocator);

        decoder.Read(Wire.Packet(65_000)[..40_000]);

        Assert.That(Held, Is.EqualTo(40_000));
    }

    [Test]
    public void Payload_above_the_maximum_never_holds_memory([Values(0, 1, 2, 3, 7)] int cut)
    {
        byte[] stream = [.. Wire.Packet(65_535), .. Wire.Packet(65_535)];
        using var decoder = new DecoderHarness(maxPayload: 65_534, allocator: _channelAllocator);

        decoder.Read(stream[..cut]);
        Assert.That(Held, Is.EqualTo(cut is 1 or 2 ? 7 : 0), "room for a header, until the length is known");
        decoder.Read(stream[cut..]);

        Assert.That(decoder.Faults, Has.Count.EqualTo(1));
        Assert.That(decoder.Counters.BytesUnfinished, Is.Zero);
        Assert.That(Held, Is.Zero);
    }

    [Test]
    public void Tail_is_released_with_its_packet([Values(3, 2_000)] int payload)
    {
        byte[] packet = Wire.Packet(payload);
        using var decoder = new DecoderHarness(allocator: _channelAllocator);

        decoder.Read(packet[..8], packet[8..]);

        Assert.That(decoder.Packets, Has.Count.EqualTo(1));
        Assert.That(Held, Is.Zero);
    }

    [Test]
    public void Removed_decoder_releases_its_tail([Values(3, 2_000)] int payload)
    {
        using var decoder = new DecoderHarness(allocator: _channelAllocator);
        decoder.Read(Wire.Packet(payload)[..8]);
        Assert.That(Held, Is.Positive);

        decoder.Channel.Pipeline.Remove(decoder.Decoder);

        Assert.That(Held, Is.Zero);
    }
}
