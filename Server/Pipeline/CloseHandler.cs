using System.Net.Sockets;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// Closes on errors, and reports the start and the end of the connection. In: what the handlers before it pass on → Out: nothing. Gives
/// <see cref="CloseReason.PeerReset"/> and <see cref="CloseReason.InternalError"/>.
/// </summary>
/// <remarks>It is the last handler, so every other one has seen an error or the end of the connection before.</remarks>
internal sealed class CloseHandler(Connection connection, ILogger logger) : ChannelHandlerAdapter
{
    public override void ChannelActive(IChannelHandlerContext context) => connection.Opened();

    public override void ChannelInactive(IChannelHandlerContext context) => connection.Closed();

    public override void ChannelRead(IChannelHandlerContext context, object message) => ReferenceCountUtil.Release(message);

    public override void ExceptionCaught(IChannelHandlerContext context, Exception exception)
    {
        bool wasOpen = context.Channel.Open;
        if (exception is SocketException e && IsFromNetwork(e.SocketErrorCode))
        {
            // Counted, but not logged: a peer could repeat the line as often as it likes.
            connection.Abort(CloseReason.PeerReset);
        }
        else
        {
            logger.UnexpectedError(exception, connection.Source.ConnectionId, connection.Source.Peer);
            connection.Abort(CloseReason.InternalError);
        }

        if (!wasOpen)
        {
            // A handler failed in ChannelInactive, so that event does not arrive here.
            connection.Closed();
        }
    }

    /// <summary>Whether a peer or the network can cause the error (tcp(7), icmp errors included).</summary>
    private static bool IsFromNetwork(SocketError error) => error is
        SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.ConnectionRefused or SocketError.Shutdown
        or SocketError.NotConnected or SocketError.Disconnecting or SocketError.TimedOut or SocketError.NetworkReset
        or SocketError.NetworkDown or SocketError.NetworkUnreachable or SocketError.HostDown or SocketError.HostUnreachable
        or SocketError.AccessDenied or SocketError.ProtocolOption or SocketError.OperationNotSupported or SocketError.MessageSize
        or SocketError.OperationAborted;
}
