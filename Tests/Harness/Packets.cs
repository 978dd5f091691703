using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Harness;

/// <summary>Packets as bytes on the wire.</summary>
internal static class Packets
{
    /// <summary>The load client's default packet: 7 + 25 bytes.</summary>
    public static byte[] Article { get; } = Of("1234512345123451234512345"u8.ToArray(), 0x5CCE4380);

    /// <summary>Returns a packet with this payload.</summary>
    public static byte[] Of(byte[] payload, uint time = 1)
    {
        byte[] packet = new byte[7 + payload.Length];
        HeaderLayout.Default.WritePacket(packet, time, payload);
        return packet;
    }

    /// <summary>Returns a packet with a payload of this length.</summary>
    public static byte[] OfLength(int payloadBytes, uint time = 1)
    {
        byte[] payload = new byte[payloadBytes];
        for (int i = 0; i < payload.Length; i++)
        {
            payload[i] = (byte)(i * 31);
        }

        return Of(payload, time);
    }

    /// <summary>Returns the numbers of a server's acknowledgements: 26 08 00, a time, and the packets done.</summary>
    public static long[] Acknowledgements(byte[] sent)
    {
        Assert.That(sent.Length % 15, Is.Zero, "bytes of whole acknowledgements");
        return
        [
            .. sent.Chunk(15).Select(packet =>
            {
                Assert.That(packet[..3], Is.EqualTo(new byte[] { 0x26, 8, 0 }));
                return BitConverter.ToInt64(packet, 7);
            }),
        ];
    }

    /// <summary>Returns the parts as one array.</summary>
    public static byte[] Glue(params byte[][] parts) => [.. parts.SelectMany(part => part)];

    /// <summary>Returns the packet repeated <paramref name="times"/> times.</summary>
    public static byte[] Repeat(byte[] packet, int times) => Glue([.. Enumerable.Repeat(packet, times)]);
}
