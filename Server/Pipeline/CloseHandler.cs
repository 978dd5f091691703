using System.Net.Sockets;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// The last handler: closes on error, and keeps the books of how connections begin and end. In: anything that the handlers
/// before it let through → Out: nothing. Gives <see cref="CloseReason.PeerReset"/> and <see cref="CloseReason.InternalError"/>.
/// </summary>
/// <remarks>It stands last because errors and the end of a connection travel down the pipeline: when it hears of them, every
/// other handler has.</remarks>
internal sealed class CloseHandler : ChannelHandlerAdapter
{
    private readonly Connection _connection;
    private readonly ILogger _logger;

    public CloseHandler(Connection connection, ILogger logger)
    {
        _connection = connection;
        _logger = logger;
    }

    public override void ChannelActive(IChannelHandlerContext context) => _connection.Opened();

    public override void ChannelInactive(IChannelHandlerContext context) => _connection.Closed();

    /// <summary>Nobody wanted this message; it must not leak.</summary>
    public override void ChannelRead(IChannelHandlerContext context, object message) => ReferenceCountUtil.Release(message);

    public override void ExceptionCaught(IChannelHandlerContext context, Exception exception)
    {
        bool wasOpen = context.Channel.Open;
        if (exception is SocketException e && IsOfTheNetwork(e.SocketErrorCode))
        {
            // Counted, but not logged: a peer could repeat the line at will.
            _connection.Abort(CloseReason.PeerReset);
        }
        else
        {
            _logger.UnexpectedError(exception, _connection.Source.ConnectionId, _connection.Source.Peer);
            _connection.Abort(CloseReason.InternalError);
        }

        if (!wasOpen)
        {
            // A handler failed while the end of the connection travelled down the pipeline, so it does not arrive here.
            _connection.Closed();
        }
    }

    /// <summary>What a peer, or the network between, can cause (tcp(7), icmp errors included); all else is our own or the machine's fault.</summary>
    private static bool IsOfTheNetwork(SocketError error) => error is
        SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.ConnectionRefused or SocketError.Shutdown
        or SocketError.NotConnected or SocketError.Disconnecting or SocketError.TimedOut or SocketError.NetworkReset
        or SocketError.NetworkDown or SocketError.NetworkUnreachable or SocketError.HostDown or SocketError.HostUnreachable
        or SocketError.AccessDenied or SocketError.ProtocolOption or SocketError.OperationNotSupported or SocketError.MessageSize
        or SocketError.OperationAborted;
}
