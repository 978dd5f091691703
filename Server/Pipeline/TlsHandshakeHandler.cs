using System.Net.Sockets;
using DotNetty.Handlers.Tls;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Server.Diagnostics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// Stands behind DotNetty's <c>TlsHandler</c> and decides what comes of a handshake, and of what cannot be decrypted. In:
/// <see cref="TlsHandshakeCompletionEvent"/>, a peer's FIN, exceptions → Out: what is none of TLS's. Gives
/// <see cref="CloseReason.TlsFailed"/>.
/// </summary>
/// <remarks>Exceptions of handlers behind this one do not pass it: what does, and is none of the socket's, is TLS's word on what the
/// peer has sent. Its text tells of certificates and versions; never of bytes, as <see cref="TlsRecordHandler"/> lets only records through.</remarks>
internal sealed class TlsHandshakeHandler : ChannelHandlerAdapter
{
    private readonly Connection _connection;
    private readonly ILogger _logger;

    public TlsHandshakeHandler(Connection connection, ILogger logger)
    {
        _connection = connection;
        _logger = logger;
    }

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        switch (evt)
        {
            case TlsHandshakeCompletionEvent { IsSuccessful: true }:
                _connection.Handshake = null;
                break;
            case TlsHandshakeCompletionEvent failed:
                // DotNetty closes next; where it is the end of a connection that sent nothing, that is not for TLS to judge.
                if (_connection.Handshake is not { HasBegun: false })
                {
                    Fail(failed.Exception);
                }

                break;
            case ChannelInputShutdownEvent when _connection.Handshake is { HasBegun: true }:
                Fail(new EndOfStreamException("the peer closed in the middle of the handshake"));
                break;
            default:
                context.FireUserEventTriggered(evt);
                break;
        }
    }

    public override void ExceptionCaught(IChannelHandlerContext context, Exception exception)
    {
        if (exception is SocketException)
        {
            context.FireExceptionCaught(exception);
        }
        else
        {
            Fail(exception);
        }
    }

    private void Fail(Exception exception)
    {
        if (!_connection.InputEnded)
        {
            _logger.TlsFault(_connection.Source.ConnectionId, _connection.Source.Peer, exception.GetBaseException().Message);
        }

        _connection.Abort(CloseReason.TlsFailed);
    }
}
