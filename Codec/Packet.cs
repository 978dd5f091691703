namespace DotNettyFraming.Codec;

/// <summary>One whole packet, seen where it lies in its <see cref="PacketBatch"/>: nothing is copied, nothing allocated.</summary>
/// <remarks>
/// Valid as long as the batch's reference is held. Being a <c>ref struct</c>, it cannot be stored or awaited across;
/// to keep a packet, keep its batch (<see cref="PacketBatch.Detach"/>) or copy its bytes.
/// </remarks>
public readonly ref struct Packet
{
    internal Packet(ReadOnlySpan<byte> bytes) => Bytes = bytes;

    /// <summary>The whole packet, header included: <see cref="PacketHeader.Size"/> bytes and the payload.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    /// <summary>The payload alone, 0 to 65,535 bytes.</summary>
    public ReadOnlySpan<byte> Payload => Bytes[PacketHeader.Size..];

    /// <summary>When the peer says that it created the packet, in Unix seconds.</summary>
    public uint Time => PacketHeader.ReadTime(Bytes);

    /// <summary>The header's fields.</summary>
    public PacketHeader Header => new((ushort)(Bytes.Length - PacketHeader.Size), Time);
}
