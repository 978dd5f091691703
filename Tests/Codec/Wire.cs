namespace DotNettyFraming.Tests.Codec;

/// <summary>Builds packets byte by byte, without the encoder under test.</summary>
internal static class Wire
{
    /// <summary>Returns a packet whose payload bytes differ from their neighbours and from those of other packets.</summary>
    public static byte[] Packet(int payloadLength, uint time = 0x5CCE4380)
    {
        byte[] packet = [.. Header(payloadLength, time), .. new byte[payloadLength]];
        for (int i = 0; i < payloadLength; i++)
        {
            packet[7 + i] = (byte)(i + (i >> 8) + payloadLength + time);
        }

        return packet;
    }

    /// <summary>Returns a header.</summary>
    public static byte[] Header(int payloadLength, uint time = 0x5CCE4380) =>
    [
        0x26,
        (byte)payloadLength, (byte)(payloadLength >> 8),
        (byte)time, (byte)(time >> 8), (byte)(time >> 16), (byte)(time >> 24),
    ];

    /// <summary>Returns packets side by side with these payload lengths and the times 1, 2, 3 …</summary>
    public static byte[] Packets(params int[] payloadLengths) =>
        [.. payloadLengths.SelectMany((length, i) => Packet(length, (uint)i + 1))];

    /// <summary>Cuts bytes before each of the offsets, which ascend.</summary>
    public static IEnumerable<byte[]> Cut(byte[] bytes, params int[] offsets)
    {
        int start = 0;
        foreach (int offset in offsets)
        {
            yield return bytes[start..offset];
            start = offset;
        }

        yield return bytes[start..];
    }
}
