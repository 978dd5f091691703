using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.LoadClient.Sending;

public sealed class PacketTapeTests
{
    [TestCase(0)]
    [TestCase(25)]
    [TestCase(65_535)]
    public void Fixed_length_gives_equal_packets_and_just_one_write_of_them(int length)
    {
        var tape = new PacketTape(PayloadShape.Of("12345", length, length), packetsPerWrite: 3, seed: 1);

        Assert.That(tape.Starts, Is.EqualTo(1));
        Assert.That(tape.Bytes.Length, Is.EqualTo(3 * (7 + length)));
        Assert.That(LengthsOf(tape), Is.EqualTo(new[] { length, length, length }));
    }

    [Test]
    public void Payload_is_the_text_repeated_and_cut()
    {
        var tape = new PacketTape(PayloadShape.Of("abc", 7, 7), packetsPerWrite: 1, seed: 1);

        Assert.That(tape.Bytes[7..].ToArray(), Is.EqualTo("abcabca"u8.ToArray()));
    }

    [Test]
    public void Default_payload_is_the_articles()
    {
        var tape = new PacketTape(new LoadOptions().Payload, packetsPerWrite: 1, seed: 1);

        Assert.That(Convert.ToHexString(tape.Bytes.Span), Is.EqualTo("26190000000000" + string.Concat(Enumerable.Repeat("3132333435", 5))));
    }

    [TestCase(0, 65_535)]
    [TestCase(0, 300)]
    [TestCase(10, 13)]
    public void Lengths_of_a_circle_are_spread_over_the_whole_range(int min, int max)
    {
        var tape = new PacketTape(PayloadShape.Of("12345", min, max), packetsPerWrite: 5, seed: 1);
        int[] circle = LengthsOf(tape)[..tape.Starts];

        Assert.That(circle, Is.All.InRange(min, max));
        Assert.That(circle.Average(), Is.EqualTo((min + max) / 2.0).Within((max - min) * 0.05));
        Assert.That(circle.Max(), Is.GreaterThan(max - ((max - min) * 0.2) - 1));
        Assert.That(circle, Is.Not.Ordered);
    }

    [Test]
    public void Write_may_begin_at_any_start()
    {
        var tape = new PacketTape(PayloadShape.Of("12345", 0, 50), packetsPerWrite: 70, seed: 1);
        int[] lengths = LengthsOf(tape);

        Assert.That(lengths, Has.Length.EqualTo(tape.Starts + 70));
        Assert.That(lengths[tape.Starts..], Is.EqualTo(lengths[..70]));
    }

    [Test]
    public void Same_seed_gives_the_same_bytes_and_another_does_not()
    {
        Assert.That(BytesWithSeed(5), Is.Not.EqualTo(BytesWithSeed(6)));
        byte[] again = BytesWithSeed(5);
        Assert.That(BytesWithSeed(5), Is.EqualTo(again));

        static byte[] BytesWithSeed(int seed) => new PacketTape(PayloadShape.Of("12345", 0, 500), 2, seed).Bytes.ToArray();
    }

    [TestCase(0, 0)]
    [TestCase(31, 0)]
    [TestCase(32, 1)]
    [TestCase(95, 2)]
    [TestCase(96, 3)]
    public void Packet_is_whole_when_its_last_byte_is_before_the_end(int end, int whole)
    {
        var tape = new PacketTape(new LoadOptions().Payload, packetsPerWrite: 3, seed: 1);

        Assert.That(tape.WholePacketsBefore(0, end), Is.EqualTo(whole));
    }

    private static int[] LengthsOf(PacketTape tape)
    {
        int[] lengths = new int[tape.Offsets.Length - 1];
        for (int i = 0; i < lengths.Length; i++)
        {
            Assert.That(PacketHeader.TryRead(tape.Bytes.Span[tape.Offsets[i]..], out PacketHeader header), Is.True);
            Assert.That(tape.Offsets[i + 1] - tape.Offsets[i], Is.EqualTo(header.PacketLength));
            lengths[i] = header.PayloadLength;
        }

        return lengths;
    }
}
