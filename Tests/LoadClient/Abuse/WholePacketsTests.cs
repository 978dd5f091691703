using CsCheck;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.Tests.Codec;
using Gen = CsCheck.Gen;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

public sealed class WholePacketsTests
{
    /// <summary>Valid packets, mostly short, with an occasional stray byte, which may be a wrong prefix or complete a packet.</summary>
    private static readonly Gen<byte[]> Streams = Gen.Frequency(
            (10, Gen.Int[0, 40].Select(length => Wire.Packet(length))),
            (1, Gen.Int[0, 65_535].Select(length => Wire.Packet(length))),
            (1, Gen.Byte.Select(b => new[] { b })))
        .Array[0, 12].Select(parts => parts.SelectMany(part => part).ToArray());

    [Test]
    public void Count_is_that_of_the_reference_decoder_however_the_stream_is_cut()
    {
        Gen.Select(Streams, Gen.Int[1, 50]).Sample(
            (stream, piece) =>
            {
                var packets = new WholePackets();
                int counted = stream.Chunk(piece).Sum(bytes => packets.Add(bytes));
                return counted == new ReferenceDecoder().Feed(stream).Packets.Count;
            },
            iter: 500);
    }

    [Test]
    public void Random_bytes_are_counted_as_the_reference_decoder_finds_them()
    {
        var random = new Random(5);
        byte[] stream = new byte[200_000];
        int found = 0;
        for (int i = 0; i < 100; i++)
        {
            random.NextBytes(stream);
            stream[0] = (byte)'&'; // otherwise nearly every stream ends at its first byte
            var packets = new WholePackets();
            int counted = packets.Add(stream);
            Assert.That(counted, Is.EqualTo(new ReferenceDecoder().Feed(stream).Packets.Count));
            found += counted;
        }

        Assert.That(found, Is.Positive);
    }
}
