using CsCheck;
using DotNetty.Buffers;

namespace DotNettyFraming.Tests.Codec;

/// <summary>Random streams in random pieces: the decoder agrees with the reference and throws nothing.</summary>
/// <remarks>Reads and tails are unpooled: the leak detector takes a stack trace for each pooled buffer.</remarks>
[TestFixture]
[NonParallelizable]
[CancelAfter(120_000)]
public class RandomStreamTests
{
    private static readonly Gen<byte[]> GoodPacket = Gen.Select(Gen.Int[0, 12], Gen.UInt, Wire.Packet);

    /// <summary>Mostly packets, some with a changed byte, and some noise with many prefixes and short lengths.</summary>
    private static readonly Gen<byte[]> Piece = Gen.Frequency(
        (12, GoodPacket),
        (2, Gen.Select(GoodPacket, Gen.Int[0, 18], Gen.Byte, (packet, at, changed) => Change(packet, at, changed))),
        (1, Gen.OneOf(Gen.Byte, Gen.OneOf<byte>(0, 1, 0x26)).Array[0, 9]));

    private static readonly Gen<Case> Cases = Gen.Select(
        Piece.Array[0, 5].Select(pieces => pieces.SelectMany(piece => piece).ToArray()),
        Gen.Int[0, 12].Array[0, 8],
        Gen.Frequency((1, Gen.Int[0, 12]), (2, Gen.OneOf(12, 255, 65535))),
        (stream, lengths, maxPayload) => new Case(stream, lengths, maxPayload));

    [TestCase(50_000)]
    [TestCase(1_000_000, Category = "Slow")]
    public void Random_streams_decode_as_the_reference_does(int streams)
    {
        long held = UnpooledByteBufferAllocator.Default.Metric.UsedHeapMemory;

        Cases.Sample(AssertAsReference, iter: streams, threads: 2);

        Assert.That(UnpooledByteBufferAllocator.Default.Metric.UsedHeapMemory, Is.EqualTo(held), "all tails are released");
    }

    [Test]
    public void Random_streams_with_large_payloads_decode_as_the_reference_does() =>
        Gen.Select(
            Gen.Select(Gen.Int[0, 4000], Gen.UInt, Wire.Packet).Array[1, 4].Select(pieces => pieces.SelectMany(piece => piece).ToArray()),
            Gen.Int[0, 3000].Array[0, 8],
            Gen.Int[3900, 4000],
            (stream, lengths, maxPayload) => new Case(stream, lengths, maxPayload))
        .Sample(AssertAsReference, iter: 10_000, threads: 2);

    private static byte[] Change(byte[] packet, int at, byte changed)
    {
        packet[at % packet.Length] = changed;
        return packet;
    }

    private static void AssertAsReference(Case given)
    {
        ReferenceDecoder expected = new ReferenceDecoder(given.MaxPayload).Feed(given.Stream);
        using var decoder = new DecoderHarness(given.MaxPayload, UnpooledByteBufferAllocator.Default);

        decoder.Read(given.Reads());
        bool sameBeforeEnd = decoder.Counters.BytesUnfinished == expected.Unfinished;
        expected.End();
        decoder.Close();

        if (!sameBeforeEnd
            || !decoder.Packets.SequenceEqual(expected.Packets)
            || decoder.Faults.SingleOrDefault() != expected.Fault
            || decoder.Counters.BytesDiscarded != expected.Discarded)
        {
            throw new InvalidOperationException(
                $"packets {string.Join(' ', decoder.Packets)}, {decoder.Faults.SingleOrDefault()}, "
                + $"discarded {decoder.Counters.BytesDiscarded}; "
                + $"expected {string.Join(' ', expected.Packets)}, {expected.Fault}, {expected.Discarded}");
        }
    }

    /// <summary>A stream and the lengths of its reads; the rest is one more read.</summary>
    private sealed record Case(byte[] Stream, int[] ReadLengths, int MaxPayload)
    {
        public IEnumerable<byte[]> Reads()
        {
            int start = 0;
            foreach (int length in ReadLengths)
            {
                int end = Math.Min(Stream.Length, start + length);
                yield return Stream[start..end];
                start = end;
            }

            yield return Stream[start..];
        }

        public override string ToString() =>
            $"{Convert.ToHexString(Stream)} in reads of {string.Join(',', ReadLengths)} and the rest, maximum {MaxPayload}";
    }
}
