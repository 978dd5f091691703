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
    /// <summary>How long a handshake may go on behind the peer's FIN.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);

    private readonly Connection _connection;
    private readonly ServerSslStream _stream;
    private readonly ILogger _logger;
    private bool _inputIsShut;

    public TlsHandshakeHandler(Connection connection, ServerSslStream stream, ILogger logger)
    {
        _connection = connection;
        _stream = stream;
        _logger = logger;
    }

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        switch (evt)
        {
            case TlsHandshakeCompletionEvent { IsSuccessful: true }:
                _connection.Handshake = null;
                context.Executor.Execute(() => AfterHandshake(context)); // TlsHandler decrypts first what has come meanwhile
                break;
            case TlsHandshakeCompletionEvent failed:
                // DotNetty closes next; where it is the end of a connection that sent nothing, that is not for TLS to judge.
                if (_connection.Handshake is not { HasBegun: false })
                {
                    Fail(failed.Exception);
                }

                break;
            case ChannelInputShutdownEvent when _connection.Handshake is { HasBegun: true }:
                // The rest may be there already, and be worked on.
                _inputIsShut = true;
                context.Executor.Schedule(FailIfIncomplete, Patience);
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

    private void AfterHandshake(IChannelHandlerContext context)
    {
        if (_inputIsShut)
        {
            context.FireUserEventTriggered(ChannelInputShutdownEvent.Instance);
        }
        else if (_stream.HasEnded)
        {
            _connection.EndInput(context, CloseReason.PeerClosed);
        }
    }

    private void FailIfIncomplete()
    {
        if (_connection.Handshake is not null)
        {
            Fail(new EndOfStreamException("the peer closed in the middle of the handshake"));
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
