using DotNetty.Buffers;
using DotNetty.Codecs;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Codec;

/// <summary>An encoder: Out: <see cref="OutgoingPacket"/> → one <see cref="IByteBuffer"/> of header and payload.</summary>
/// <remarks>
/// <c>new OutgoingPacket(0x5CCE4380, "12345"u8.ToArray())</c> becomes <c>26 05 00 80 43 CE 5C 31 32 33 34 35</c>.
/// It has no state, so one instance can serve all channels. To send one packet many times, encode it once with
/// <see cref="Write"/> and update it with <see cref="PacketHeader.WriteTime"/>.
/// </remarks>
public sealed class PacketEncoder : MessageToByteEncoder<OutgoingPacket>
{
    /// <inheritdoc/>
    public override bool IsSharable => true;

    /// <summary>Writes one packet to the start of <paramref name="destination"/>.</summary>
    /// <param name="destination">Space for <see cref="PacketHeader.Size"/> bytes and the payload.</param>
    /// <param name="time">The time of creation, Unix seconds.</param>
    /// <param name="payload">0 to 65,535 bytes.</param>
    /// <returns>The number of bytes written.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The payload is longer than 65,535 bytes.</exception>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static int Write(Span<byte> destination, uint time, ReadOnlySpan<byte> payload)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, PacketHeader.MaxPayloadLength, nameof(payload));
        var header = new PacketHeader((ushort)payload.Length, time);
        header.Write(destination);
        payload.CopyTo(destination[PacketHeader.Size..]);
        return header.PacketLength;
    }

    /// <inheritdoc/>
    protected override IByteBuffer AllocateBuffer(IChannelHandlerContext context) => context.Allocator.HeapBuffer(PacketHeader.Size);

    /// <inheritdoc/>
    protected override void Encode(IChannelHandlerContext context, OutgoingPacket message, IByteBuffer output)
    {
        output.EnsureWritable(PacketHeader.Size + message.Payload.Length);
        Span<byte> free = output.Array.AsSpan(output.ArrayOffset + output.WriterIndex, output.WritableBytes);
        output.SetWriterIndex(output.WriterIndex + Write(free, message.Time, message.Payload.Span));
    }
}
