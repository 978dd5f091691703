using System.Buffers.Binary;

namespace DotNettyFraming.Codec;

/// <summary>The fixed 7-byte header in front of every packet; all integers are little-endian and unsigned.</summary>
/// <remarks>
/// <code>
/// offset  0        1        2        3        4        5        6        7 ...
///       +--------+-----------------+-----------------------------------+----------------+
///       | prefix |  payload length |  time the packet was created      |  payload       |
///       | 0x26 &amp; |  uint16         |  uint32, Unix seconds             |  0..65535 bytes|
///       +--------+-----------------+-----------------------------------+----------------+
/// </code>
/// Example: <c>26 19 00 80 43 CE 5C</c> announces 25 bytes of payload, created 2019-05-05T01:59:28Z.
/// </remarks>
/// <param name="PayloadLength">Bytes of payload that follow the header, 0 to 65,535.</param>
/// <param name="Time">When the packet was created, in Unix seconds. Kept unsigned, so good until 2106; every value is accepted.</param>
public readonly record struct PacketHeader(ushort PayloadLength, uint Time)
{
    /// <summary>The byte that every packet starts with: <c>&amp;</c>.</summary>
    public const byte Prefix = (byte)'&';

    /// <summary>Bytes of a header, and so the length of the shortest packet.</summary>
    public const int Size = 7;

    /// <summary>Bytes of the longest payload that the 16-bit length field can announce.</summary>
    public const int MaxPayloadLength = ushort.MaxValue;

    internal const int LengthOffset = 1;
    internal const int LengthSize = 2;
    internal const int TimeOffset = 3;
    internal const int TimeSize = 4;

    /// <summary>Bytes from a packet's first byte to the end of its length field: so many must be there to know how long it is.</summary>
    internal const int LengthKnownAt = LengthOffset + LengthSize;

    /// <summary>Bytes of the whole packet, header and payload.</summary>
    public int PacketLength => Size + PayloadLength;

    /// <summary><see cref="Time"/> as a point in time, UTC.</summary>
    public DateTimeOffset CreatedAt => DateTimeOffset.FromUnixTimeSeconds(Time);

    /// <summary>Reads the header at the start of <paramref name="source"/>.</summary>
    /// <param name="source">At least <see cref="Size"/> bytes, the first of them <see cref="Prefix"/>.</param>
    /// <param name="header">The header read, when this returns true.</param>
    /// <returns>False when there are fewer than <see cref="Size"/> bytes or the first is not <see cref="Prefix"/>.</returns>
    public static bool TryRead(ReadOnlySpan<byte> source, out PacketHeader header)
    {
        if (source.Length < Size || source[0] != Prefix)
        {
            header = default;
            return false;
        }

        header = new PacketHeader(ReadPayloadLength(source), ReadTime(source));
        return true;
    }

    /// <summary>Writes the header to the start of <paramref name="destination"/>.</summary>
    /// <param name="destination">At least <see cref="Size"/> bytes.</param>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than <see cref="Size"/>.</exception>
    public void Write(Span<byte> destination)
    {
        if (destination.Length < Size)
        {
            throw new ArgumentException($"A header takes {Size} bytes, and there is room for {destination.Length}.", nameof(destination));
        }

        destination[0] = Prefix;
        BinaryPrimitives.WriteUInt16LittleEndian(destination[LengthOffset..], PayloadLength);
        WriteTime(destination, Time);
    }

    /// <summary>Stamps a packet that is already encoded with a new time, so that it can be sent again without being rebuilt.</summary>
    /// <param name="packet">A packet, or a buffer that starts with one.</param>
    /// <param name="time">Unix seconds.</param>
    public static void WriteTime(Span<byte> packet, uint time) =>
        BinaryPrimitives.WriteUInt32LittleEndian(packet.Slice(TimeOffset, TimeSize), time);

    internal static ushort ReadPayloadLength(ReadOnlySpan<byte> packet) =>
        BinaryPrimitives.ReadUInt16LittleEndian(packet.Slice(LengthOffset, LengthSize));

    internal static uint ReadTime(ReadOnlySpan<byte> packet) =>
        BinaryPrimitives.ReadUInt32LittleEndian(packet.Slice(TimeOffset, TimeSize));
}
