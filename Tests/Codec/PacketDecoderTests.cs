using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

/// <summary>Packets and the decoder's properties; splits and faults have fixtures of their own.</summary>
[TestFixture]
[CancelAfter(60_000)]
public class PacketDecoderTests
{
    [Test]
    public void Packet_in_one_read_is_one_batch()
    {
        using var decoder = new DecoderHarness();

        decoder.Read([0x26, 0x03, 0x00, 0x80, 0x43, 0xCE, 0x5C, .. "abc"u8]);

        Assert.That(decoder.Packets, Is.EqualTo([new ReceivedPacket(0x5CCE4380, "abc"u8.ToArray())]));
        Assert.That(decoder.LastBatches, Is.EqualTo([1]));
    }

    [Test]
    public void Read_full_of_empty_packets_is_one_batch_of_all()
    {
        byte[] stream = Wire.Packets(new int[65536 / 7]);
        using var decoder = new DecoderHarness();

        decoder.Read([.. stream, 0x26, 0x00]);

        Assert.That(decoder.LastBatches, Is.EqualTo([65536 / 7]));
        Assert.That(decoder.Packets[^1].Time, Is.EqualTo(65536 / 7));
        Assert.That(decoder.Counters.BytesUnfinished, Is.EqualTo(2));
    }

    [Test]
    public void Empty_packet_is_whole_with_its_seventh_byte_though_another_follows()
    {
        byte[] stream = Wire.Packets(0, 0);
        using var decoder = new DecoderHarness();

        decoder.Read(stream[..6], stream[6..13]);

        Assert.That(decoder.Packets, Has.Count.EqualTo(1));
        Assert.That(decoder.Decoder.UnfinishedPacketOffset, Is.EqualTo(7));
    }

    [Test]
    public void Packets_and_a_remainder_are_in_order_and_the_remainder_is_kept()
    {
        byte[] stream = Wire.Packets(5, 0, 300, 2);
        using var decoder = new DecoderHarness();

        decoder.Read(stream[..^1]);
        Assert.That(decoder.Packets.Select(p => p.Time), Is.EqualTo([1, 2, 3]));
        Assert.That(decoder.LastBatches, Is.EqualTo([3]));
        Assert.That(decoder.Counters.BytesUnfinished, Is.EqualTo(8));

        decoder.Read(stream[^1..]);
        Assert.That(decoder.Packets.Select(p => p.Time), Is.EqualTo([1, 2, 3, 4]));
    }

    [Test]
    public void Read_that_completes_a_packet_and_brings_more_is_two_batches()
    {
        byte[] stream = Wire.Packets(3, 4, 5, 6);
        using var decoder = new DecoderHarness();

        decoder.Read(stream[..4], stream[4..^1]);

        Assert.That(decoder.LastBatches, Is.EqualTo([1, 2]));
    }

    [Test]
    public void Empty_read_changes_nothing()
    {
        using var decoder = new DecoderHarness();

        decoder.Read([], [0x26], [], Wire.Packet(1)[1..]);

        Assert.That(decoder.Packets, Is.EqualTo(new ReferenceDecoder().Feed(Wire.Packet(1)).Packets));
    }

    [TestCase(0u)]
    [TestCase(0x7FFFFFFFu)]
    [TestCase(0x80000000u)]
    [TestCase(0xFFFFFFFFu)]
    [TestCase(0x04030201u)]
    public void Time_is_any_unsigned_value(uint time)
    {
        byte[] packet = Wire.Packet(1, time);
        using var decoder = new DecoderHarness();

        decoder.Read(packet, packet[..5], packet[5..]);

        Assert.That(decoder.Packets.Select(p => p.Time), Is.EqualTo([time, time]));
    }

    [Test]
    public void Unfinished_packet_keeps_its_offset_until_it_is_whole()
    {
        byte[] stream = Wire.Packets(1, 2, 3);
        using var decoder = new DecoderHarness();
        Assert.That(decoder.Decoder.UnfinishedPacketOffset, Is.EqualTo(-1));

        decoder.Read(stream[..9]);
        Assert.That(decoder.Decoder.UnfinishedPacketOffset, Is.EqualTo(8));
        decoder.Read(stream[9..16]);
        Assert.That(decoder.Decoder.UnfinishedPacketOffset, Is.EqualTo(8));
        decoder.Read(stream[16..18]);
        Assert.That(decoder.Decoder.UnfinishedPacketOffset, Is.EqualTo(17));
        decoder.Read(stream[18..]);
        Assert.That(decoder.Decoder.UnfinishedPacketOffset, Is.EqualTo(-1));
        Assert.That(decoder.Decoder.BytesReceived, Is.EqualTo(stream.Length));
    }

    [Test]
    public void Message_that_is_no_buffer_is_passed_on()
    {
        using var decoder = new DecoderHarness();
        object message = new();

        decoder.Channel.Pipeline.FireChannelRead(message);

        Assert.That(((EmbeddedChannel)decoder.Channel).ReadInbound<object>(), Is.SameAs(message));
    }

    [Test]
    public void End_inside_a_packet_discards_and_counts_the_fragment([Values(1, 2, 3, 6, 7, 8, 2000)] int bytes)
    {
        using var decoder = new DecoderHarness();
        decoder.Read([.. Wire.Packet(4), .. Wire.Packet(5000)[..bytes]]);
        Assert.That(decoder.Counters.BytesUnfinished, Is.EqualTo(bytes));

        decoder.Close();

        Assert.That(decoder.Packets, Has.Count.EqualTo(1));
        Assert.That(decoder.Faults, Is.Empty);
        Assert.That(decoder.Counters.BytesDiscarded, Is.EqualTo(bytes));
        Assert.That(decoder.Decoder.UnfinishedPacketOffset, Is.EqualTo(-1));
    }

    [Test]
    public void Removal_inside_a_packet_discards_and_counts_the_fragment_once()
    {
        using var decoder = new DecoderHarness();
        decoder.Read(Wire.Packet(9)[..12]);

        decoder.Channel.Pipeline.Remove(decoder.Decoder);
        decoder.Close();

        Assert.That(decoder.Counters.BytesDiscarded, Is.EqualTo(12));
        Assert.That(decoder.Packets, Is.Empty);
    }

    [Test]
    public void Read_that_brings_no_packet_asks_for_no_other_read([Values(true, false)] bool autoRead)
    {
        var reads = new ReadCounter();
        using var decoder = new DecoderHarness(before: reads);
        decoder.Channel.Configuration.AutoRead = autoRead;
        int before = reads.Asked;

        decoder.Read(Wire.Packet(5)[..3]).Read([.. Wire.Packet(5)[3..], 0x26]).Read("X"u8.ToArray());

        Assert.That(reads.Asked - before, Is.EqualTo(autoRead ? 3 : 0), "with AutoRead the channel itself asks once per read");
        Assert.That(decoder.Faults, Is.Empty);
    }

    [TestCase(-1)]
    [TestCase(65536)]
    public void Maximum_that_the_length_field_cannot_say_is_refused(int maxPayload) =>
        Assert.That(
            () => new PacketDecoder(maxPayloadBytes: maxPayload),
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Property("ParamName").EqualTo("maxPayloadBytes"));

    [Test]
    public void Decoders_that_share_counters_add_up()
    {
        var counters = new DecoderCounters();
        var one = new EmbeddedChannel(new PacketDecoder(null, 10, counters));
        var other = new EmbeddedChannel(new PacketDecoder(null, 10, counters));

        one.WriteInbound(Unpooled.WrappedBuffer(Wire.Packet(3)[..4]));
        other.WriteInbound(Unpooled.WrappedBuffer(Wire.Packet(3)[..5]));
        Assert.That(counters.BytesUnfinished, Is.EqualTo(9));
        one.FinishAndReleaseAll();
        other.FinishAndReleaseAll();

        Assert.That((counters.BytesReceived, counters.BytesDiscarded, counters.BytesUnfinished), Is.EqualTo((9, 9, 0)));
    }

    private sealed class ReadCounter : ChannelHandlerAdapter
    {
        public int Asked { get; private set; }

        public override void Read(IChannelHandlerContext context)
        {
            Asked++;
            context.Read();
        }
    }
}
