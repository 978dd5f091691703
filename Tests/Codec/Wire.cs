namespace DotNettyFraming.Tests.Codec;

/// <summary>Builds bytes as they stand on the wire, by hand from PROTOCOL.md and not with the encoder that is under test.</summary>
internal static class Wire
{
    /// <summary>One packet with a payload of so many bytes, each different from its neighbours and from one packet to the next.</summary>
    public static byte[] Packet(int payloadLength, uint time = 0x5CCE4380)
    {
        byte[] packet = [.. Header(payloadLength, time), .. new byte[payloadLength]];
        for (int i = 0; i < payloadLength; i++)
        {
            packet[7 + i] = (byte)(i + (i >> 8) + payloadLength + time);
        }

        return packet;
    }

    /// <summary>The seven bytes in front of a payload.</summary>
    public static byte[] Header(int payloadLength, uint time = 0x5CCE4380) =>
    [
        0x26,
        (byte)payloadLength, (byte)(payloadLength >> 8),
        (byte)time, (byte)(time >> 8), (byte)(time >> 16), (byte)(time >> 24),
    ];

    /// <summary>Packets with these payload lengths, their times counting up from 1, side by side.</summary>
    public static byte[] Packets(params int[] payloadLengths) =>
        [.. payloadLengths.SelectMany((length, i) => Packet(length, (uint)i + 1))];

    /// <summary>Cuts bytes into pieces before each of the given offsets, which ascend.</summary>
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
