using DotNettyFraming.Codec;
using DotNettyFraming.LoadClient.Options;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>
/// Encoded packets side by side, prepared once: every write is a stretch of this tape. Immutable; any thread may read it.
/// </summary>
/// <remarks>
/// <code>
/// start    0        1     ...   Starts-1 |  0        1    ...  packetsPerWrite-1
///       +--------+-----+-------+---------+--------+-----+----+
///       | packet | ... |       | packet  | the first packets once more, so that a write may begin at any start
///       +--------+-----+-------+---------+--------+-----+----+
/// </code>
/// With a fixed payload one start is enough. With a range of lengths, they are spread evenly over it and shuffled, and every connection
/// goes round the same circle from a start of its own: what it sends depends on the seed and its number, and not on the timing.
/// </remarks>
internal sealed class PacketTape
{
    private const int TargetBytes = 256 * 1024; // bytes of packets of different lengths that are worth preparing; each loop copies them
    private const int FewestStarts = 16;
    private const int MostStarts = 1024;

    private readonly int[] _offsets;

    /// <summary>Prepares the packets for writes of up to <paramref name="packetsPerWrite"/>.</summary>
    public PacketTape(PayloadShape payload, int packetsPerWrite, int seed)
    {
        int[] lengths = payload.IsFixed ? [payload.MinBytes] : SpreadLengths(payload, new Random(seed));
        Starts = lengths.Length;
        PacketsPerWrite = packetsPerWrite;

        // One start needs no repetition behind it: packet 0 is followed by the rest of its own write.
        int packets = payload.IsFixed ? packetsPerWrite : Starts + packetsPerWrite;
        _offsets = new int[packets + 1];
        for (int i = 0; i < packets; i++)
        {
            _offsets[i + 1] = _offsets[i] + PacketHeader.Size + lengths[i % Starts];
        }

        byte[] bytes = new byte[_offsets[packets]];
        byte[] longest = new byte[payload.MaxBytes];
        payload.Fill(longest);
        for (int i = 0; i < packets; i++)
        {
            PacketEncoder.Write(bytes.AsSpan(_offsets[i]), time: 0, longest.AsSpan(0, lengths[i % Starts]));
        }

        Bytes = bytes;
    }

    public ReadOnlyMemory<byte> Bytes { get; } // the encoded packets, their time 0
    public int Starts { get; } // number of packets at which a write may begin
    public int PacketsPerWrite { get; } // the most packets that one write can hold
    public ReadOnlySpan<int> Offsets => _offsets; // where each packet begins, and at the end where the last one ends

    /// <summary>The start of a connection's first write: neighbours begin far apart.</summary>
    public int StartOf(int connection) => (int)((uint)connection * 2_654_435_769u % (uint)Starts);

    /// <summary>Whole packets from packet <paramref name="start"/> on of which every byte lies before <paramref name="end"/>.</summary>
    public int WholePacketsBefore(int start, int end)
    {
        int packets = 0;
        while (start + packets + 1 < _offsets.Length && _offsets[start + packets + 1] <= end)
        {
            packets++;
        }

        return packets;
    }

    private static int[] SpreadLengths(PayloadShape payload, Random random)
    {
        int range = payload.MaxBytes - payload.MinBytes + 1;
        int average = PacketHeader.Size + ((payload.MinBytes + payload.MaxBytes) / 2);
        int count = Math.Clamp(TargetBytes / average, FewestStarts, MostStarts);
        if (range <= count)
        {
            count -= count % range; // each length equally often
        }

        int[] lengths = new int[count];
        for (int i = 0; i < count; i++)
        {
            // One length out of each of `count` equal parts of the range: the average of a circle is that of the range.
            long from = (long)range * i / count;
            long to = Math.Max(from + 1, (long)range * (i + 1) / count);
            lengths[i] = payload.MinBytes + (int)random.NextInt64(from, to);
        }

        if (range <= count)
        {
            for (int i = 0; i < count; i++)
            {
                lengths[i] = payload.MinBytes + (i % range);
            }
        }

        random.Shuffle(lengths);
        return lengths;
    }
}
