namespace DotNettyFraming.Codec;

/// <summary>A packet to be written to a channel whose pipeline has a <see cref="PacketEncoder"/>.</summary>
/// <param name="time">The time of creation, Unix seconds; not sent if the layout has no time.</param>
/// <param name="payload">The payload; its bytes must not change until the packet is encoded.</param>
public sealed class OutgoingPacket(uint time, ReadOnlyMemory<byte> payload)
{
    /// <summary>The time of creation, Unix seconds.</summary>
    public uint Time => time;

    /// <summary>The payload.</summary>
    public ReadOnlyMemory<byte> Payload => payload;
}
