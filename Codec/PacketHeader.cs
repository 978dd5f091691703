using System.Buffers.Binary;

namespace DotNettyFraming.Codec;

/// <summary>The fixed 7-byte header of a packet; all integers are little-endian and unsigned.</summary>
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
/// <param name="PayloadLength">The payload's length, 0 to 65,535 bytes.</param>
/// <param name="Time">The time of creation, Unix seconds; unsigned, so valid until 2106. Every value is accepted.</param>
public readonly record struct PacketHeader(ushort PayloadLength, uint Time)
{
    /// <summary>The first byte of every packet: <c>&amp;</c>.</summary>
    public const byte Prefix = (byte)'&';

    /// <summary>The length of a header, and of the shortest packet.</summary>
    public const int Size = 7;

    /// <summary>The longest payload that the 16-bit length field can say.</summary>
    public const int MaxPayloadLength = ushort.MaxValue;

    internal const int LengthOffset = 1;
    internal const int LengthSize = 2;
    internal const int TimeOffset = 3;
    internal const int TimeSize = 4;

    /// <summary>The number of bytes after which a packet's length is known.</summary>
    internal const int LengthKnownAt = LengthOffset + LengthSize;

    /// <summary>The length of the whole packet, header and payload.</summary>
    public int PacketLength => Size + PayloadLength;

    /// <summary><see cref="Time"/> as a point in time, UTC.</summary>
    public DateTimeOffset CreatedAt => DateTimeOffset.FromUnixTimeSeconds(Time);

    /// <summary>Reads the header at the start of <paramref name="source"/>.</summary>
    /// <param name="source">Bytes that start with a packet.</param>
    /// <param name="header">The header, if the method returns true.</param>
    /// <returns>False if there are fewer than <see cref="Size"/> bytes or the first is not <see cref="Prefix"/>.</returns>
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

    /// <summary>Overwrites the time of an encoded packet, so that it can be sent again.</summary>
    /// <param name="packet">A packet, or a buffer that starts with one.</param>
    /// <param name="time">Unix seconds.</param>
    public static void WriteTime(Span<byte> packet, uint time) =>
        BinaryPrimitives.WriteUInt32LittleEndian(packet.Slice(TimeOffset, TimeSize), time);

    internal static ushort ReadPayloadLength(ReadOnlySpan<byte> packet) =>
        BinaryPrimitives.ReadUInt16LittleEndian(packet.Slice(LengthOffset, LengthSize));

    internal static uint ReadTime(ReadOnlySpan<byte> packet) =>
        BinaryPrimitives.ReadUInt32LittleEndian(packet.Slice(TimeOffset, TimeSize));
}
