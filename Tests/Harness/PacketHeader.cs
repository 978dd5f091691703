using System.Buffers.Binary;

namespace DotNettyFraming.Tests.Harness;

/// <summary>The default header, read and written without the codec.</summary>
internal readonly record struct PacketHeader(ushort PayloadLength, uint Time)
{
    public int PacketLength => 7 + PayloadLength;

    public static bool TryRead(ReadOnlySpan<byte> bytes, out PacketHeader header)
    {
        bool isWhole = bytes.Length >= 7 && bytes[0] == '&';
        header = isWhole
            ? new PacketHeader(BinaryPrimitives.ReadUInt16LittleEndian(bytes[1..]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[3..]))
            : default;
        return isWhole;
    }

    public static void WriteTime(Span<byte> packet, uint time) => BinaryPrimitives.WriteUInt32LittleEndian(packet[3..], time);
}
