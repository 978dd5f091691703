namespace DotNettyFraming.Server.Storage;

/// <summary>Packets of one connection that lie side by side in a chunk.</summary>
/// <param name="Connection">The connection's number.</param>
/// <param name="First">The first packet's number on its connection, from 0.</param>
/// <param name="Packets">The number of packets.</param>
/// <param name="Bytes">Their length together.</param>
/// <param name="Received">When they were read, Unix milliseconds.</param>
internal readonly record struct Part(long Connection, long First, int Packets, int Bytes, long Received);

/// <summary>Writes and reads a chunk's index: its parts as varints, each relative to the part before.</summary>
/// <remarks>
/// A part is: <c>packets &lt;&lt; 2 | sameSize &lt;&lt; 1 | sameTime</c>, the connection's distance from the part before (zigzag), the
/// number of the first packet, bytes unless <c>sameSize</c> (as many per packet as before), the distance in time (zigzag) unless
/// <c>sameTime</c>.
/// A device that sends one packet of constant size at a time takes 5 to 8 bytes. The first part is relative to a part of zeros.
/// </remarks>
internal static class PartIndex
{
    /// <summary>The longest part, bytes.</summary>
    public const int MaxPartBytes = 5 * 10;

    /// <summary>Writes the index.</summary>
    /// <param name="parts">The parts, in the order of their bytes.</param>
    /// <param name="index">At least <see cref="MaxPartBytes"/> per part.</param>
    /// <returns>The number of bytes written.</returns>
    public static int Write(ReadOnlySpan<Part> parts, Span<byte> index)
    {
        int length = 0;
        Part last = default;
        foreach (ref readonly Part part in parts)
        {
            bool sameSize = last.Packets > 0 && (long)part.Bytes * last.Packets == (long)last.Bytes * part.Packets;
            bool sameTime = part.Received == last.Received;
            WriteNumber(index, ref length, ((ulong)part.Packets << 2) | (sameSize ? 2u : 0) | (sameTime ? 1u : 0));
            WriteNumber(index, ref length, ZigZag(part.Connection - last.Connection));
            WriteNumber(index, ref length, (ulong)part.First);
            if (!sameSize)
            {
                WriteNumber(index, ref length, (ulong)part.Bytes);
            }

            if (!sameTime)
            {
                WriteNumber(index, ref length, ZigZag(part.Received - last.Received));
            }

            last = part;
        }

        return length;
    }

    /// <summary>Reads an index; the parts are appended to <paramref name="parts"/>.</summary>
    /// <exception cref="StoreException">It is not an index.</exception>
    public static void Read(ReadOnlySpan<byte> index, List<Part> parts)
    {
        Part last = default;
        while (index.Length > 0)
        {
            ulong head = ReadNumber(ref index);
            long packets = (long)(head >> 2);
            long connection = last.Connection + UnZigZag(ReadNumber(ref index));
            long first = (long)ReadNumber(ref index);
            if ((head & 2) != 0 && last.Packets == 0)
            {
                throw Damaged();
            }

            long bytes = (head & 2) == 0 ? (long)ReadNumber(ref index) : packets * last.Bytes / last.Packets;
            long received = (head & 1) == 0 ? last.Received + UnZigZag(ReadNumber(ref index)) : last.Received;
            if (packets is < 1 or > int.MaxValue || bytes is < 1 or > int.MaxValue || first < 0)
            {
                throw Damaged();
            }

            parts.Add(last = new Part(connection, first, (int)packets, (int)bytes, received));
        }
    }

    private static StoreException Damaged() => new("the index of a chunk is damaged", StoreFault.Damaged);

    private static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));

    private static long UnZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);

    private static void WriteNumber(Span<byte> index, ref int length, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            index[length++] = (byte)(value | 0x80);
        }

        index[length++] = (byte)value;
    }

    private static ulong ReadNumber(ref ReadOnlySpan<byte> index)
    {
        ulong value = 0;
        for (int i = 0; i < Math.Min(index.Length, 10); i++)
        {
            value |= (ulong)(index[i] & 0x7F) << (7 * i);
            if (index[i] < 0x80)
            {
                index = index[(i + 1)..];
                return value;
            }
        }

        throw Damaged();
    }
}
