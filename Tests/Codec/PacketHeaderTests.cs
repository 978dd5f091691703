using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

[TestFixture]
public class PacketHeaderTests
{
    [Test]
    public void Header_of_the_protocols_example_is_read()
    {
        bool read = PacketHeader.TryRead([0x26, 0x19, 0x00, 0x80, 0x43, 0xCE, 0x5C], out PacketHeader header);

        Assert.That(read, Is.True);
        Assert.That((header.PayloadLength, header.Time, header.PacketLength), Is.EqualTo((25, 0x5CCE4380u, 32)));
        Assert.That(header.CreatedAt, Is.EqualTo(new DateTimeOffset(2019, 5, 5, 1, 59, 28, TimeSpan.Zero)));
    }

    [TestCase(0u, "1970-01-01T00:00:00Z")]
    [TestCase(0x7FFFFFFFu, "2038-01-19T03:14:07Z")]
    [TestCase(0x80000000u, "2038-01-19T03:14:08Z")]
    [TestCase(0xFFFFFFFFu, "2106-02-07T06:28:15Z")]
    public void Time_is_unsigned(uint time, string createdAt)
    {
        Assert.That(PacketHeader.TryRead(Wire.Header(1, time), out PacketHeader header), Is.True);
        Assert.That(header.CreatedAt, Is.EqualTo(DateTimeOffset.Parse(createdAt, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(6)]
    public void Header_that_is_not_whole_is_not_read(int length) =>
        Assert.That(PacketHeader.TryRead(Wire.Header(1).AsSpan(0, length), out _), Is.False);

    [Test]
    public void Header_with_another_prefix_is_not_read() =>
        Assert.That(PacketHeader.TryRead([0x27, .. Wire.Header(1)[1..]], out _), Is.False);

    [Test]
    public void Header_is_written_byte_by_byte_as_it_stands_on_the_wire()
    {
        byte[] written = new byte[8];

        new PacketHeader(0x1234, 0xFEDCBA98).Write(written);

        Assert.That(written, Is.EqualTo([0x26, 0x34, 0x12, 0x98, 0xBA, 0xDC, 0xFE, 0]));
    }

    [Test]
    public void Header_is_not_written_where_there_is_no_room_for_it() =>
        Assert.That(() => default(PacketHeader).Write(new byte[6]), Throws.ArgumentException);
}
