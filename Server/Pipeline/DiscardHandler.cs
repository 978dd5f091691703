using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>Discards the input of a half-closed connection until the peer's FIN. In: anything → Out: nothing.</summary>
/// <remarks>It joins at the head of the pipeline. A close with unread input is a reset, which can cost the peer the last answers.</remarks>
internal sealed class DiscardHandler(Connection connection) : ChannelHandlerAdapter
{
    public override void ChannelRead(IChannelHandlerContext context, object message) => ReferenceCountUtil.Release(message);

    public override void ChannelReadComplete(IChannelHandlerContext context)
    {
        // No later handler has read anything.
    }

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        if (evt is ChannelInputShutdownEvent)
        {
            connection.Abort(CloseReason.PeerClosed); // the reason to close is given already
        }
        else
        {
            context.FireUserEventTriggered(evt);
        }
    }
}
