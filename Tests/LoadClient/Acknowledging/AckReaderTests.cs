using DotNettyFraming.Codec;
using DotNettyFraming.LoadClient.Acknowledging;

namespace DotNettyFraming.Tests.LoadClient.Acknowledging;

/// <summary>Acknowledgements are found in a server's bytes, however the bytes are split.</summary>
public sealed class AckReaderTests
{
    // 26 08 00, a time, and the count.
    private static readonly byte[] Five = [0x26, 8, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0];
    private static readonly byte[] Big = [0x26, 8, 0, 1, 2, 3, 4, 1, 2, 0, 0, 0, 0, 0, 0x80];
    private static readonly byte[] Other = [0x26, 2, 0, 1, 2, 3, 4, 0x26, 0x26];
    private static readonly byte[] Empty = [0x26, 0, 0, 1, 2, 3, 4];

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(7)]
    [TestCase(14)]
    [TestCase(15)]
    [TestCase(16)]
    [TestCase(61)]
    public void Acknowledgements_are_found_in_pieces_of_any_size(int size)
    {
        byte[] stream = [.. Five, .. Other, .. Empty, .. Big, .. Five];

        Assert.That(Read(stream.Chunk(size)), Is.EqualTo(new ulong[] { 5, 0x8000_0000_0000_0201, 5 }));
    }

    [Test]
    public void Acknowledgements_are_found_when_split_anywhere()
    {
        byte[] stream = [.. Other, .. Five, .. Empty, .. Big];
        for (int cut = 1; cut < stream.Length; cut++)
        {
            Assert.That(Read([stream[..cut], stream[cut..]]), Is.EqualTo(new ulong[] { 5, 0x8000_0000_0000_0201 }), $"cut at {cut}");
        }
    }

    [TestCase(15)]
    [TestCase(20)]
    [TestCase(1)]
    public void Bytes_that_are_no_packet_are_a_fault(int size)
    {
        byte[] stream = [.. Five, (byte)'X', .. Five];

        Assert.That(() => Read(stream.Chunk(size)), Throws.InvalidOperationException);
    }

    private static List<ulong> Read(IEnumerable<byte[]> reads)
    {
        var reader = new AckReader(HeaderLayout.Default);
        var counts = new List<ulong>();
        foreach (byte[] read in reads)
        {
            ReadOnlySpan<byte> input = read;
            AckInput next;
            while ((next = reader.Next(ref input, out ulong count)) != AckInput.NeedsMore)
            {
                counts.Add(next == AckInput.Acknowledgement ? count : throw new InvalidOperationException("fault"));
            }

            Assert.That(input.IsEmpty, Is.True);
        }

        return counts;
    }
}
