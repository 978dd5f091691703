using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// Ends the input as soon as the socket is empty once, or after <see cref="MaxBytes"/> more. In: <see cref="IByteBuffer"/> → Out: the same,
/// and <see cref="EndOfInput"/>. Gives <see cref="CloseReason.ServerStopping"/> and <see cref="CloseReason.MaxAge"/>.
/// </summary>
/// <remarks>It joins at the head of the pipeline when the server stops or the connection is too old. So nothing that the kernel had
/// received is lost, and a peer that keeps sending cannot delay the close.</remarks>
/// <param name="connection">The connection.</param>
/// <param name="reason">The reason to close.</param>
/// <param name="availableBytes">Returns the unread bytes in a channel's socket.</param>
internal sealed class DrainHandler(Connection connection, CloseReason reason, Func<IChannel, int> availableBytes)
    : ChannelHandlerAdapter
{
    /// <summary>The input read after the drain started: about what a socket can hold.</summary>
    public const int MaxBytes = 1024 * 1024;

    private int _bytes;

    public override void HandlerAdded(IChannelHandlerContext context) => EndIfEmpty(context);

    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        _bytes += (message as IByteBuffer)?.ReadableBytes ?? 0;
        context.FireChannelRead(message);
    }

    public override void ChannelReadComplete(IChannelHandlerContext context)
    {
        context.FireChannelReadComplete();
        EndIfEmpty(context);
    }

    private void EndIfEmpty(IChannelHandlerContext context)
    {
        bool isVerifying = connection.Tls is { IsVerifying: true };
        if (!connection.InputEnded && !isVerifying && (_bytes >= MaxBytes || availableBytes(context.Channel) == 0))
        {
            connection.EndInput(context, reason);
        }
    }
}
