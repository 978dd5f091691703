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
        if (exception is SocketException)
        {
            // The peer, or the network between: expected, and counted, but not worth a line that a peer could repeat at will.
            _connection.Abort(CloseReason.PeerReset);
        }
        else
        {
            _logger.UnexpectedError(exception, _connection.Source.ConnectionId, _connection.Source.Peer);
            _connection.Abort(CloseReason.InternalError);
        }
    }
}
