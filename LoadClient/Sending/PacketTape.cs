using DotNettyFraming.Codec;
using DotNettyFraming.LoadClient.Options;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>Encoded packets side by side, prepared once; every write is a range of this tape. Immutable.</summary>
/// <remarks>
/// <code>
/// start    0        1     ...   Starts-1 |  0        1    ...  packetsPerWrite-1
///       +--------+-----+-------+---------+--------+-----+----+
///       | packet | ... |       | packet  | the first packets repeated, so that a write can start anywhere
///       +--------+-----+-------+---------+--------+-----+----+
/// </code>
/// A fixed payload needs one start. Different lengths are spread evenly over their range and shuffled, and each connection uses them in
/// a circle from its own start, so its packets depend only on the seed and its number.
/// </remarks>
internal sealed class PacketTape
{
    private const int TargetBytes = 256 * 1024; // of packets of different lengths; each loop has a copy
    private const int MinStarts = 16;
    private const int MaxStarts = 1024;

    private readonly int[] _offsets;
    private readonly int[] _payloads = []; // where they start

    public PacketTape(PayloadShape payload, int packetsPerWrite, int seed)
    {
        int[] lengths = payload.IsFixed ? [payload.MinBytes] : SpreadLengths(payload, new Random(seed));
        Starts = lengths.Length;
        PacketsPerWrite = packetsPerWrite;
        MaxWriteBytes = packetsPerWrite * payload.MaxPacketBytes;
        Header = payload.Header;
        HasTime = payload.Header.HasTime;

        // With one start, packet 0 is followed by the rest of its own write, and needs no repetition.
        int packets = payload.IsFixed ? packetsPerWrite : Starts + packetsPerWrite;
        _offsets = new int[packets + 1];
        _payloads = new int[packets];
        for (int i = 0; i < packets; i++)
        {
            int length = lengths[i % Starts];
            _payloads[i] = _offsets[i] + Header.HeaderLength(length);
            _offsets[i + 1] = _payloads[i] + length;
        }

        byte[] bytes = new byte[_offsets[packets]];
        byte[] longest = new byte[payload.MaxBytes];
        payload.Fill(longest);
        for (int i = 0; i < packets; i++)
        {
            Header.WritePacket(bytes.AsSpan(_offsets[i]), time: 0, longest.AsSpan(0, lengths[i % Starts]));
        }

        Bytes = bytes;
    }

    /// <summary>Prepares writes of the same packet, unchanged.</summary>
    public PacketTape(ReadOnlySpan<byte> packet, int packetsPerWrite)
    {
        Starts = 1;
        PacketsPerWrite = packetsPerWrite;
        MaxWriteBytes = packetsPerWrite * packet.Length;
        _offsets = new int[packetsPerWrite + 1];
        byte[] bytes = new byte[MaxWriteBytes];
        for (int i = 0; i < packetsPerWrite; i++)
        {
            packet.CopyTo(bytes.AsSpan(_offsets[i]));
            _offsets[i + 1] = _offsets[i] + packet.Length;
        }

        Bytes = bytes;
    }

    public HeaderLayout Header { get; } = HeaderLayout.Default;
    public bool HasTime { get; } // in the headers, to be stamped
    public int MaxWriteBytes { get; }
    public ReadOnlyMemory<byte> Bytes { get; } // the time in the headers is 0
    public int Starts { get; } // the packets at which a write can start
    public int PacketsPerWrite { get; } // the maximum
    public ReadOnlySpan<int> Offsets => _offsets; // the start of each packet, and the end of the last one

    /// <summary>Returns the place of a connection's packet; connections with neighbouring numbers start far apart.</summary>
    public int IndexOf(int connection, long packet) => (int)((((uint)connection * 2_654_435_769u) + packet) % Starts);

    /// <summary>Returns where the payload of a packet starts.</summary>
    public int PayloadOf(int packet) => _payloads[packet];

    /// <summary>Counts the packets from packet <paramref name="start"/> on that end at or before <paramref name="end"/>.</summary>
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
        int average = payload.Header.MaxHeaderLength + ((payload.MinBytes + payload.MaxBytes) / 2);
        int count = Math.Clamp(TargetBytes / average, MinStarts, MaxStarts);
        if (range <= count)
        {
            count -= count % range; // each length equally often
        }

        int[] lengths = new int[count];
        for (int i = 0; i < count; i++)
        {
            // One length from each of `count` equal parts of a large range, so that their average is the range's.
            long from = (long)range * i / count;
            long to = Math.Max(from + 1, (long)range * (i + 1) / count);
            lengths[i] = payload.MinBytes + (range <= count ? i % range : (int)random.NextInt64(from, to));
        }

        random.Shuffle(lengths);
        return lengths;
    }
}
