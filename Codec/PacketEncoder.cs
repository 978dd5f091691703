using DotNetty.Buffers;
using DotNetty.Codecs;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Codec;

/// <summary>An encoder: Out: <see cref="OutgoingPacket"/> → one <see cref="IByteBuffer"/> of header and payload.</summary>
/// <remarks>
/// With the default layout <c>new OutgoingPacket(0x5CCE4380, "12345"u8.ToArray())</c> becomes
/// <c>26 05 00 80 43 CE 5C 31 32 33 34 35</c>. It has no state, so one instance can serve all channels. The write of a payload whose
/// length the layout cannot say fails.
/// </remarks>
/// <param name="layout">The layout of headers; by default the default layout.</param>
public sealed class PacketEncoder(HeaderLayout? layout = null) : MessageToByteEncoder<OutgoingPacket>
{
    private readonly HeaderLayout _layout = layout ?? HeaderLayout.Default;

    /// <inheritdoc/>
    public override bool IsSharable => true;

    /// <inheritdoc/>
    protected override IByteBuffer AllocateBuffer(IChannelHandlerContext context) => context.Allocator.HeapBuffer(_layout.MaxHeaderLength);

    /// <inheritdoc/>
    protected override void Encode(IChannelHandlerContext context, OutgoingPacket message, IByteBuffer output)
    {
        output.EnsureWritable(_layout.MaxHeaderLength + message.Payload.Length);
        Span<byte> free = output.Array.AsSpan(output.ArrayOffset + output.WriterIndex, output.WritableBytes);
        output.SetWriterIndex(output.WriterIndex + _layout.WritePacket(free, message.Time, message.Payload.Span));
    }
}
