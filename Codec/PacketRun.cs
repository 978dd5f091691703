namespace DotNettyFraming.Codec;

/// <summary>How many whole, good packets lie side by side, and how many bytes they take.</summary>
/// <param name="Count">Packets.</param>
/// <param name="ByteCount">Bytes, headers included.</param>
internal readonly record struct PacketRun(int Count, int ByteCount)
{
    /// <summary>Measures the run at the start of <paramref name="bytes"/>: it ends before the first packet that is not whole, has
    /// a wrong prefix, or announces too long a payload.</summary>
    /// <param name="bytes">Bytes that start with a whole, good packet.</param>
    /// <param name="firstLength">That packet's length.</param>
    /// <param name="maxPayloadBytes">The longest payload accepted.</param>
    public static PacketRun Measure(ReadOnlySpan<byte> bytes, int firstLength, int maxPayloadBytes)
    {
        int count = 1;
        int end = firstLength;
        ReadOnlySpan<byte> rest = bytes[firstLength..];

        // The innermost loop of the server: one pass, three comparisons a packet.
        while (rest.Length >= PacketHeader.Size && rest[0] == PacketHeader.Prefix)
        {
            int payload = PacketHeader.ReadPayloadLength(rest);
            int length = PacketHeader.Size + payload;
            if (payload > maxPayloadBytes || rest.Length < length)
            {
                break;
            }

            rest = rest[length..];
            end += length;
            count++;
        }

        return new PacketRun(count, end);
    }
}
