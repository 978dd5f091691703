using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Harness;

/// <summary>Bytes of packets, as a peer would send them.</summary>
internal static class Packets
{
    /// <summary>The article's packet: 7 + 25 bytes.</summary>
    public static byte[] Article { get; } = Of("1234512345123451234512345"u8.ToArray(), 0x5CCE4380);

    /// <summary>One packet.</summary>
    public static byte[] Of(byte[] payload, uint time = 1)
    {
        byte[] packet = new byte[PacketHeader.Size + payload.Length];
        PacketEncoder.Write(packet, time, payload);
        return packet;
    }

    /// <summary>One packet with a payload of so many bytes.</summary>
    public static byte[] OfLength(int payloadBytes, uint time = 1)
    {
        byte[] payload = new byte[payloadBytes];
        for (int i = 0; i < payload.Length; i++)
        {
            payload[i] = (byte)(i * 31);
        }

        return Of(payload, time);
    }

    /// <summary>Several things glued together.</summary>
    public static byte[] Glue(params byte[][] parts) => [.. parts.SelectMany(part => part)];

    /// <summary>The same packet over and over.</summary>
    public static byte[] Repeat(byte[] packet, int times) => Glue([.. Enumerable.Repeat(packet, times)]);
}
