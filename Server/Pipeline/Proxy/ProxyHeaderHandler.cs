using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline.Proxy;

/// <summary>
/// Takes the PROXY header off the start of a connection, identifies the real peer, and leaves the pipeline.
/// In: <see cref="IByteBuffer"/> → Out: the bytes behind the header. Gives <see cref="CloseReason.ProxyHeaderInvalid"/>,
/// <see cref="CloseReason.ProxyHeaderTimeout"/> and <see cref="CloseReason.ProxyUntrusted"/>.
/// </summary>
/// <remarks>
/// It comes before TLS: balancers send the header unencrypted. It is no <c>ByteToMessageDecoder</c>, which would keep the read's buffer,
/// 64 KiB for two bytes of a header; an unfinished header is copied. Threads: its channel's event loop.
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

    /// <summary>Memory held for an unfinished header.</summary>
    public int HeldBytes => _held.Length;

    public override void HandlerAdded(IChannelHandlerContext context) => _connection.AwaitedProxyHeader = this;

    public override void HandlerRemoved(IChannelHandlerContext context) => Release();

    /// <summary>Closes an untrusted peer before anything is read; the end of the pipeline counts the connection first.</summary>
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
            context.FireChannelRead(input); // this handler has left the pipeline, but its context still knows the next one
        }
    }

    /// <summary>Frees what is held and stops waiting for a header.</summary>
    public void Release()
    {
        _connection.HeldBeforePackets(-_held.Length);
        _held = [];
        _count = 0;
        _connection.AwaitedProxyHeader = null;
    }

    /// <summary>Consumes the bytes that belong to the header.</summary>
    /// <returns>Whether the header is complete, and the connection continues.</returns>
    private bool TakeHeader(IChannelHandlerContext context, IByteBuffer input)
    {
        if (_connection.InputEnded)
        {
            return false; // a transport may deliver what it had already read
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
        Release();
        _rules.Logger.ProxyHeaderFault(_connection.Source.ConnectionId, _connection.Source.Peer, fault);
        _connection.Abort(CloseReason.ProxyHeaderInvalid);
        return false;
    }

    /// <summary>Copies the bytes that can belong to a header.</summary>
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

    /// <summary>Returns one of three sizes, so that a header that comes byte by byte is not copied at each byte.</summary>
    private static int RightSize(int count) =>
        count <= ProxyVersion2.FixedBytes ? ProxyVersion2.FixedBytes
        : count <= ProxyVersion1.MaxBytes ? ProxyVersion1.MaxBytes
        : ProxyHeader.MaxBytes;
}
