using System.Buffers.Binary;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>The numbers of <c>--serial</c> at the start of each payload: connection and packet, uint64 little-endian.</summary>
/// <remarks>Every packet is different, so a write is composed piece by piece. Used on one event loop only.</remarks>
internal sealed class SerialStamp(PacketTape tape)
{
    public const int Bytes = 2 * sizeof(ulong);
    public const int MaxPiece = 16 * 1024; // the bytes that a stuck connection keeps in memory

    private readonly byte[] _piece = new byte[MaxPiece];

    /// <summary>Returns a range of the tape, valid until the next call; <paramref name="packet"/> is its first packet.</summary>
    public ReadOnlySpan<byte> Compose(StampedPackets.Copy copy, int start, int end, int packet, int connection, long number)
    {
        Span<byte> piece = _piece.AsSpan(0, end - start);
        copy.Range(start, end).CopyTo(piece);
        Span<byte> serial = stackalloc byte[Bytes];
        BinaryPrimitives.WriteUInt64LittleEndian(serial, (ulong)connection);
        for (; tape.Offsets[packet] < end; packet++, number++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(serial[sizeof(ulong)..], (ulong)number);
            int at = tape.PayloadOf(packet);
            int from = Math.Max(at, start);
            int to = Math.Min(at + Bytes, end);
            if (from < to)
            {
                serial[(from - at)..(to - at)].CopyTo(piece[(from - start)..]);
            }
        }

        return piece;
    }
}
