namespace DotNettyFraming.Codec;

/// <summary>A packet to be written to a channel whose pipeline has a <see cref="PacketEncoder"/>.</summary>
public sealed class OutgoingPacket
{
    /// <summary>Creates a packet.</summary>
    /// <param name="time">The time of creation, Unix seconds.</param>
    /// <param name="payload">At most 65,535 bytes; they must not change until the packet is encoded.</param>
    /// <exception cref="ArgumentOutOfRangeException">The payload is longer than 65,535 bytes.</exception>
    public OutgoingPacket(uint time, ReadOnlyMemory<byte> payload)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, PacketHeader.MaxPayloadLength, nameof(payload));
        Time = time;
        Payload = payload;
    }

    /// <summary>The time of creation, Unix seconds.</summary>
    public uint Time { get; }

    /// <summary>The payload, 0 to 65,535 bytes.</summary>
    public ReadOnlyMemory<byte> Payload { get; }
}
