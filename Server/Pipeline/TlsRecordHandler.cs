using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Diagnostics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// Stands in front of DotNetty's <c>TlsHandler</c> and cuts what is read at the ends of TLS records. In: <see cref="IByteBuffer"/> →
/// Out: the rest of a record begun before; then whole records; then the beginning of one, in a buffer of its own size. Gives
/// <see cref="CloseReason.TlsFailed"/> and, at the peer's close_notify, <see cref="CloseReason.PeerClosed"/>.
/// </summary>
/// <remarks>
/// <code>
/// +------+-------+-------+----------------+-----------
/// | type | major | minor | length, uint16 | fragment       big-endian; 20 to 23, 3, any, 1 to 2^14 + 2048
/// +------+-------+-------+----------------+-----------
/// </code>
/// <para>Three things that <c>TlsHandler</c> does to a server's harm are kept from it. It holds on to the whole receive buffer for one
/// byte of an unfinished record, and after merging to more. It answers what is no record with an exception whose text is a dump of
/// the peer's bytes, and only once there are five; here the first wrong byte closes. And a whole record of more than 18 KiB in one
/// read it never consumes, so that its buffer would grow for as long as the peer sends.</para>
/// <para>It also reads on where reading is turned off; its wish is not passed on then.</para>
/// </remarks>
internal sealed class TlsRecordHandler : ChannelHandlerAdapter
{
    /// <summary>What a record may carry, RFC 5246 section 6.2.3; with TLS 1.3 it is less.</summary>
    private const int MaxFragmentBytes = (16 * 1024) + 2048;

    private const int HeaderBytes = 5;

    private readonly Connection _connection;
    private readonly ServerSslStream _stream;
    private readonly ILogger _logger;

    /// <summary>Bytes of the unfinished record's header that have come: 0 = none is unfinished, 5 = its fragment comes.</summary>
    private int _header;

    /// <summary>The length that its header says; while the fragment comes, what of it is still missing.</summary>
    private int _missing;

    public TlsRecordHandler(Connection connection, ServerSslStream stream, ILogger logger)
    {
        _connection = connection;
        _stream = stream;
        _logger = logger;
    }

    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        if (message is not IByteBuffer input)
        {
            context.FireChannelRead(message);
            return;
        }

        try
        {
            if (_connection.Handshake is { } handshake)
            {
                handshake.HasBegun = true;
            }

            Cut(context, input);
        }
        finally
        {
            input.Release();
        }
    }

    public override void ChannelReadComplete(IChannelHandlerContext context)
    {
        context.FireChannelReadComplete();
        EndIfPeerHas(context);
    }

    public override void Read(IChannelHandlerContext context)
    {
        if (context.Channel.Configuration.AutoRead)
        {
            context.Read();
        }
    }

    private void Cut(IChannelHandlerContext context, IByteBuffer input)
    {
        if (_header > 0)
        {
            if (!TryAdvance(input, input.ReaderIndex, out int end))
            {
                Refuse();
                return;
            }

            Pass(context, input.ReadRetainedSlice(end - input.ReaderIndex));
        }

        int wholeEnd = input.ReaderIndex;
        bool isValid = true;
        for (int at = wholeEnd; at < input.WriterIndex && isValid;)
        {
            isValid = TryAdvance(input, at, out at);
            wholeEnd = _header == 0 ? at : wholeEnd;
        }

        if (wholeEnd > input.ReaderIndex)
        {
            Pass(context, input.ReadRetainedSlice(wholeEnd - input.ReaderIndex));
        }

        if (!isValid)
        {
            Refuse();
        }
        else if (input.IsReadable())
        {
            Pass(context, Unpooled.Buffer(input.ReadableBytes).WriteBytes(input));
        }
    }

    /// <summary>Goes to the end of the record, or of what is there of it.</summary>
    /// <returns>False: this is no TLS record.</returns>
    private bool TryAdvance(IByteBuffer input, int at, out int end)
    {
        for (end = at; _header < HeaderBytes; _header++)
        {
            if (end == input.WriterIndex)
            {
                return true;
            }

            if (!IsHeaderByte(input.GetByte(end++)))
            {
                return false;
            }
        }

        int step = Math.Min(_missing, input.WriterIndex - end);
        end += step;
        _missing -= step;
        if (_missing == 0)
        {
            _header = 0;
        }

        return true;
    }

    private bool IsHeaderByte(byte value)
    {
        switch (_header)
        {
            case 0:
                return value is >= 20 and <= 23;
            case 1:
                return value == 3;
            case 2:
                return true;
            case 3:
                _missing = value << 8;
                return _missing <= MaxFragmentBytes;
            default:
                _missing |= value;
                return _missing is > 0 and <= MaxFragmentBytes;
        }
    }

    private void Pass(IChannelHandlerContext context, IByteBuffer records)
    {
        if (_connection.InputEnded)
        {
            records.Release(); // closed, or closing, by what came before
            return;
        }

        if (_stream.HasBegun)
        {
            context.FireChannelRead(records);
        }
        else
        {
            BeginHandshake(context, records);
        }

        EndIfPeerHas(context);
    }

    /// <summary>Passes the peer's first bytes on outside the event loop's task scheduler, though on its thread.</summary>
    /// <remarks>TlsHandler has the handshake's end continue on the scheduler that is current when the handshake begins. The event
    /// loop's would put it into its queue, and packets and a FIN that come right behind would meet a handshake that is not complete.</remarks>
    private static void BeginHandshake(IChannelHandlerContext context, IByteBuffer records) =>
        new Task(() => context.FireChannelRead(records)).RunSynchronously(TaskScheduler.Default);

    private void EndIfPeerHas(IChannelHandlerContext context)
    {
        if (_stream.HasEnded)
        {
            _connection.EndInput(context, CloseReason.PeerClosed);
        }
    }

    private void Refuse()
    {
        if (!_connection.InputEnded)
        {
            _logger.TlsFault(_connection.Source.ConnectionId, _connection.Source.Peer, "not a TLS record");
            _connection.Abort(CloseReason.TlsFailed);
        }
    }
}
