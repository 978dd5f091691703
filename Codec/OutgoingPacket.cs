namespace DotNettyFraming.Codec;

/// <summary>A packet to be written to a channel whose pipeline has a <see cref="PacketEncoder"/>.</summary>
public sealed class OutgoingPacket
{
    /// <summary>Describes a packet.</summary>
    /// <param name="time">When it was created, in Unix seconds.</param>
    /// <param name="payload">Its payload, at most 65,535 bytes; read when the packet is encoded, so unchanged until then.</param>
    /// <exception cref="ArgumentOutOfRangeException">The payload is longer than the 16-bit length field can say.</exception>
    public OutgoingPacket(uint time, ReadOnlyMemory<byte> payload)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, PacketHeader.MaxPayloadLength, nameof(payload));
        Time = time;
        Payload = payload;
    }

    /// <summary>When the packet was created, in Unix seconds.</summary>
    public uint Time { get; }

    /// <summary>The payload, 0 to 65,535 bytes.</summary>
    public ReadOnlyMemory<byte> Payload { get; }
}
