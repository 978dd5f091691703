using System.Text;
using DotNetty.Buffers;
using DotNetty.Common;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

[TestFixture]
[CancelAfter(30_000)]
public class PacketEncoderTests
{
    private EmbeddedChannel _channel = null!;

    [SetUp]
    public void Make_channel() => _channel = new EmbeddedChannel(new PacketEncoder());

    [TearDown]
    public void Release_channel() => _channel.FinishAndReleaseAll();

    [Test]
    public void Packet_is_written_as_in_the_protocols_example()
    {
        byte[] payload = "1234512345123451234512345"u8.ToArray();

        _channel.WriteOutbound(new OutgoingPacket(0x5CCE4380, payload));

        Assert.That(Written(), Is.EqualTo([0x26, 0x19, 0x00, 0x80, 0x43, 0xCE, 0x5C, .. payload]));
    }

    [Test]
    public void Packet_of_any_length_is_written_and_decoded_again([Values(0, 1, 249, 250, 65_535)] int payload)
    {
        byte[] packet = Wire.Packet(payload, 0xFFFFFFFF);

        _channel.WriteOutbound(new OutgoingPacket(0xFFFFFFFF, packet.AsMemory(7)));

        byte[] written = Written();
        Assert.That(written, Is.EqualTo(packet));
        using var decoder = new DecoderHarness();
        Assert.That(decoder.Read(written).Packets, Is.EqualTo([new ReceivedPacket(0xFFFFFFFF, packet[7..])]));
    }

    [Test]
    public void Packets_are_written_in_order()
    {
        _channel.WriteOutbound(new OutgoingPacket(1, default), new OutgoingPacket(2, new byte[1]), new OutgoingPacket(3, default));

        byte[][] written = [Written(), Written(), Written()];
        Assert.That(written.Select(packet => packet[3]), Is.EqualTo([1, 2, 3]));
    }

    [Test]
    public void Encoder_may_serve_several_channels_and_passes_other_messages_on()
    {
        var encoder = new PacketEncoder();
        var one = new EmbeddedChannel(encoder);
        var other = new EmbeddedChannel(encoder);
        IByteBuffer already = Unpooled.WrappedBuffer(Wire.Packet(1));

        one.WriteOutbound(already);
        other.WriteOutbound(new OutgoingPacket(1, default));

        Assert.That(one.ReadOutbound<IByteBuffer>(), Is.SameAs(already));
        one.FinishAndReleaseAll();
        other.FinishAndReleaseAll();
    }

    [Test]
    public void Payload_longer_than_the_length_field_can_say_is_refused()
    {
        byte[] payload = new byte[65_536];

        Assert.That(() => HeaderLayout.Default.WritePacket(new byte[70_000], 0, payload), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Destination_with_too_little_room_is_refused([Values(0, 6, 7, 9)] int room) =>
        Assert.That(() => HeaderLayout.Default.WritePacket(new byte[room], 0, new byte[3]), Throws.InstanceOf<ArgumentException>());

    [Test]
    public void Write_returns_the_packets_length_and_changes_nothing_behind_it()
    {
        byte[] destination = [.. Enumerable.Repeat((byte)0xAA, 12)];

        int length = HeaderLayout.Default.WritePacket(destination, 0x04030201, "abc"u8);

        Assert.That(length, Is.EqualTo(10));
        Assert.That(destination, Is.EqualTo([0x26, 3, 0, 1, 2, 3, 4, .. "abc"u8, 0xAA, 0xAA]));
    }

    [Test]
    public void New_time_changes_the_time_alone()
    {
        byte[] packet = Wire.Packet(4, 0x11111111);

        HeaderLayout.Default.WriteTime(packet, 0xFEDCBA98);

        Assert.That(packet, Is.EqualTo([.. Wire.Header(4, 0xFEDCBA98), .. Wire.Packet(4, 0x11111111)[7..]]));
    }

    [Test]
    public void Write_to_a_closed_channel_loses_no_buffer()
    {
        ResourceLeakDetector.Level = ResourceLeakDetector.DetectionLevel.Paranoid;
        _channel.CloseAsync().GetAwaiter().GetResult();

        Assert.That(
            async () => await _channel.WriteAsync(new OutgoingPacket(1, Encoding.ASCII.GetBytes("x"))),
            Throws.Exception);
        ResourceLeakDetector.Level = LeakDetection.RunLevel;
        LeakDetection.AssertNone();
    }

    private byte[] Written()
    {
        var buffer = _channel.ReadOutbound<IByteBuffer>();
        byte[] bytes = new byte[buffer.ReadableBytes];
        buffer.ReadBytes(bytes);
        buffer.Release();
        return bytes;
    }
}
