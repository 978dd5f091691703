namespace DotNettyFraming.Codec;

/// <summary>A view of one whole packet in its <see cref="PacketBatch"/>, without a copy or an allocation.</summary>
/// <remarks>
/// Valid while the batch's reference is held. To keep a packet, keep its batch (<see cref="PacketBatch.Detach"/>) or copy its bytes.
/// </remarks>
public readonly ref struct Packet
{
    internal Packet(ReadOnlySpan<byte> bytes) => Bytes = bytes;

    /// <summary>The whole packet: header and payload.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    /// <summary>The payload, 0 to 65,535 bytes.</summary>
    public ReadOnlySpan<byte> Payload => Bytes[PacketHeader.Size..];

    /// <summary>The time at which the peer created the packet, Unix seconds.</summary>
    public uint Time => PacketHeader.ReadTime(Bytes);

    /// <summary>The header's fields.</summary>
    public PacketHeader Header => new((ushort)(Bytes.Length - PacketHeader.Size), Time);
}
