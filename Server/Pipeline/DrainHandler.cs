using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// Joins at the head of each pipeline when the server stops: lets input through until the socket is once empty, or
/// <see cref="MostBytes"/> more have come, and ends the input then. In: <see cref="IByteBuffer"/> → Out: the same, and
/// <see cref="EndOfInput"/>. Gives <see cref="CloseReason.ServerStopping"/>.
/// </summary>
/// <remarks>What the peer's kernel had already delivered is not thrown away; and a peer that keeps sending cannot hold the
/// server up.</remarks>
internal sealed class DrainHandler : ChannelHandlerAdapter
{
    /// <summary>More is not read from a peer that goes on sending: about what its socket can hold.</summary>
    public const int MostBytes = 1024 * 1024;

    private readonly Connection _connection;
    private readonly Func<IChannel, int> _availableBytes;
    private int _bytes;

    /// <param name="connection">The connection to be ended.</param>
    /// <param name="availableBytes">How many bytes lie unread in a channel's socket.</param>
    public DrainHandler(Connection connection, Func<IChannel, int> availableBytes)
    {
        _connection = connection;
        _availableBytes = availableBytes;
    }

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
        if (!_connection.InputEnded && !(_connection.Tls?.IsVerifying ?? false) && (_bytes >= MostBytes || _availableBytes(context.Channel) == 0))
        {
            _connection.EndInput(context, CloseReason.ServerStopping);
        }
    }
}
