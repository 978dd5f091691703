namespace DotNettyFraming.Codec;

/// <summary>A view of one whole packet in its <see cref="PacketBatch"/>, without a copy or an allocation.</summary>
/// <remarks>
/// Valid while the batch's reference is held. To keep a packet, keep its batch (<see cref="PacketBatch.Detach"/>) or copy its bytes.
/// </remarks>
public readonly ref struct Packet
{
    private readonly HeaderAlternative _alternative;

    internal Packet(ReadOnlySpan<byte> bytes, HeaderAlternative alternative)
    {
        Bytes = bytes;
        _alternative = alternative;
    }

    /// <summary>The whole packet: header and payload.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    /// <summary>The header.</summary>
    public ReadOnlySpan<byte> Header => Bytes[.._alternative.Length];

    /// <summary>The payload.</summary>
    public ReadOnlySpan<byte> Payload => Bytes[_alternative.Length..];

    /// <summary>The time at which the peer created the packet, Unix seconds; null if its header has none.</summary>
    public uint? Time => _alternative.ReadTime(Bytes);
}
