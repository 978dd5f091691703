using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline.Proxy;

/// <summary>
/// Takes the PROXY header off the start of a connection, tells the connection whose it really is, and leaves the pipeline.
/// In: <see cref="IByteBuffer"/> → Out: what follows the header. Gives <see cref="CloseReason.ProxyHeaderInvalid"/>,
/// <see cref="CloseReason.ProxyHeaderTimeout"/> and <see cref="CloseReason.ProxyUntrusted"/>.
/// </summary>
/// <remarks>
/// <para>Stands in front of everything that looks at bytes or counts them. Balancers send the header in front of a TLS handshake
/// too, unencrypted.</para>
/// <para>No <c>ByteToMessageDecoder</c>: that keeps the read's buffer, 64 KiB for two bytes of a header, for a peer that nobody knows
/// yet. What has come of a header is copied into an array of its own, and the buffer is let go.</para>
/// <para>Threads: its channel's event loop.</para>
/// </remarks>
internal sealed class ProxyHeaderHandler : ChannelHandlerAdapter
{
    private readonly Connection _connection;
    private readonly ProxyRules _rules;
    private byte[] _held = [];
    private int _count;

    public ProxyHeaderHandler(Connection connection, ProxyRules rules)
    {
        _connection = connection;
        _rules = rules;
    }

    /// <summary>Bytes of memory held for a header that is not complete.</summary>
    public int HeldBytes => _held.Length;

    public override void HandlerAdded(IChannelHandlerContext context) => _connection.AwaitedProxyHeader = this;

    public override void HandlerRemoved(IChannelHandlerContext context) => Forget();

    /// <summary>The connection counts first, at the pipeline's end; who may not speak is then closed before anything is read.</summary>
    public override void ChannelActive(IChannelHandlerContext context)
    {
        context.FireChannelActive();
        if (!_rules.Trusts(_connection.Source.Peer))
        {
            _connection.Abort(CloseReason.ProxyUntrusted);
        }
    }

    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        if (message is not IByteBuffer input)
        {
            context.FireChannelRead(message);
            return;
        }

        bool passOn = false;
        try
        {
            passOn = TakeHeader(context, input) && input.IsReadable();
        }
        finally
        {
            if (!passOn)
            {
                input.Release();
            }
        }

        if (passOn)
        {
            context.FireChannelRead(input); // out of the pipeline by now, and still before the handler that comes next
        }
    }

    /// <summary>Frees what is held, and awaits no header any more.</summary>
    public void Forget()
    {
        _connection.HeldBeforePackets(-_held.Length);
        _held = [];
        _count = 0;
        _connection.AwaitedProxyHeader = null;
    }

    /// <summary>Consumes of <paramref name="input"/> what belongs to the header.</summary>
    /// <returns>Whether the header is complete, and the connection goes on.</returns>
    private bool TakeHeader(IChannelHandlerContext context, IByteBuffer input)
    {
        if (_connection.InputEnded)
        {
            return false; // closed or about to be; a transport may hand on what it had read already
        }

        int before = _count;
        Keep(input);
        switch (ProxyHeader.TryParse(_held.AsSpan(0, _count), out ProxyHeader header, out int consumed))
        {
            case ProxyHeaderOutcome.NeedMore:
                return false;
            case ProxyHeaderOutcome.Invalid:
                return Refuse("missing or malformed");
            case ProxyHeaderOutcome.TooLong:
                return Refuse($"longer than {ProxyVersion1.MaxBytes} bytes (version 1) or {ProxyHeader.MaxBytes} (version 2)");
            default:
                input.SkipBytes(consumed - before);
                context.Channel.Pipeline.Remove(this);
                _connection.Identify(header.Source);
                return !_connection.InputEnded;
        }
    }

    private bool Refuse(string fault)
    {
        Forget();
        _rules.Logger.ProxyHeaderFault(_connection.Source.ConnectionId, _connection.Source.Peer, fault);
        _connection.Abort(CloseReason.ProxyHeaderInvalid);
        return false;
    }

    /// <summary>Copies as much of <paramref name="input"/> as can belong to a header.</summary>
    private void Keep(IByteBuffer input)
    {
        int taken = Math.Min(input.ReadableBytes, ProxyHeader.MaxBytes - _count);
        if (_held.Length < _count + taken)
        {
            int before = _held.Length;
            Array.Resize(ref _held, RightSize(_count + taken));
            _connection.HeldBeforePackets(_held.Length - before);
        }

        input.GetBytes(input.ReaderIndex, _held, _count, taken);
        _count += taken;
    }

    /// <summary>Three sizes, so that a header that comes byte by byte is not copied at each of them.</summary>
    private static int RightSize(int count) =>
        count <= ProxyVersion2.FixedBytes ? ProxyVersion2.FixedBytes
        : count <= ProxyVersion1.MaxBytes ? ProxyVersion1.MaxBytes
        : ProxyHeader.MaxBytes;
}
