using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <summary>The options of an <see cref="EpollSocketChannel"/>. Any thread.</summary>
/// <remarks>
/// Those of every channel, and <see cref="ChannelOption.TcpNodelay"/>, <see cref="ChannelOption.SoKeepalive"/>,
/// <see cref="ChannelOption.SoRcvbuf"/>, <see cref="ChannelOption.SoSndbuf"/>, <see cref="ChannelOption.SoLinger"/>,
/// <see cref="ChannelOption.SoReuseaddr"/>, <see cref="ChannelOption.AllowHalfClosure"/> and every <see cref="IntegerSocketOption"/>.
/// With <see cref="ChannelOption.RcvbufAllocator"/> each read allocates a buffer; by default it uses the event loop's.
/// The kernel alone keeps socket options; on a closed channel they throw <see cref="ChannelException"/>.
/// </remarks>
public sealed class EpollSocketChannelConfiguration : DefaultChannelConfiguration, ISocketChannelConfiguration
{
    // Stands for the event loop's receive buffer; shared, as it is never used.
    private static readonly AdaptiveRecvByteBufAllocator LoopBuffer = new();

    private readonly SocketDescriptor _socket;
    private volatile bool _allowHalfClosure;

    internal EpollSocketChannelConfiguration(EpollSocketChannel channel, SocketDescriptor socket)
        : base(channel, LoopBuffer)
    {
        _socket = socket;
    }

    /// <summary>Whether a receive-buffer allocator was set, so that reads do not use the event loop's buffer.</summary>
    internal bool HasAllocator => RecvByteBufAllocator != LoopBuffer;

    /// <summary>Whether the peer's FIN is a <see cref="ChannelInputShutdownEvent"/> instead of closing the channel.</summary>
    public bool AllowHalfClosure
    {
        get => _allowHalfClosure;
        set => _allowHalfClosure = value;
    }

    /// <summary>SO_RCVBUF in bytes. The kernel doubles the value and caps it at <c>rmem_max</c>; setting it ends auto-tuning.</summary>
    public int ReceiveBufferSize
    {
        get => Get(LibC.SOL_SOCKET, LibC.SO_RCVBUF);
        set => Set(LibC.SOL_SOCKET, LibC.SO_RCVBUF, value);
    }

    /// <summary>SO_SNDBUF in bytes. The kernel doubles the value and caps it at <c>wmem_max</c>; setting it ends auto-tuning.</summary>
    public int SendBufferSize
    {
        get => Get(LibC.SOL_SOCKET, LibC.SO_SNDBUF);
        set => Set(LibC.SOL_SOCKET, LibC.SO_SNDBUF, value);
    }

    /// <summary>SO_LINGER: −1 = off (default), 0 = close resets the connection.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Above 0: close(2) would block the event loop for that many seconds.</exception>
    public int Linger
    {
        get => SocketOptions.Guard(_socket, static s => s.Linger);
        set => SocketOptions.Guard(_socket, s => s.Linger = value);
    }

    /// <summary>SO_KEEPALIVE.</summary>
    public bool KeepAlive
    {
        get => Get(LibC.SOL_SOCKET, LibC.SO_KEEPALIVE) != 0;
        set => Set(LibC.SOL_SOCKET, LibC.SO_KEEPALIVE, value ? 1 : 0);
    }

    /// <summary>SO_REUSEADDR alone (DotNetty's sockets set SO_REUSEPORT with it).</summary>
    public bool ReuseAddress
    {
        get => Get(LibC.SOL_SOCKET, LibC.SO_REUSEADDR) != 0;
        set => Set(LibC.SOL_SOCKET, LibC.SO_REUSEADDR, value ? 1 : 0);
    }

    /// <summary>TCP_NODELAY; <c>true</c> by default, as on DotNetty's sockets.</summary>
    public bool TcpNoDelay
    {
        get => Get(LibC.IPPROTO_TCP, LibC.TCP_NODELAY) != 0;
        set => Set(LibC.IPPROTO_TCP, LibC.TCP_NODELAY, value ? 1 : 0);
    }

    /// <inheritdoc />
    public override T GetOption<T>(ChannelOption<T> option)
    {
        object? value =
            ChannelOption.AllowHalfClosure.Equals(option) ? AllowHalfClosure
            : ChannelOption.SoRcvbuf.Equals(option) ? ReceiveBufferSize
            : ChannelOption.SoSndbuf.Equals(option) ? SendBufferSize
            : ChannelOption.SoLinger.Equals(option) ? Linger
            : ChannelOption.SoKeepalive.Equals(option) ? KeepAlive
            : ChannelOption.SoReuseaddr.Equals(option) ? ReuseAddress
            : ChannelOption.TcpNodelay.Equals(option) ? TcpNoDelay
            : IntegerSocketOption.TryFind(option, out int level, out int name) ? Get(level, name)
            : null;
        return value is null ? base.GetOption(option) : (T)value;
    }

    /// <inheritdoc />
    public override bool SetOption<T>(ChannelOption<T> option, T value)
    {
        if (base.SetOption(option, value))
        {
            return true;
        }

        switch (value)
        {
            case bool on when ChannelOption.AllowHalfClosure.Equals(option):
                AllowHalfClosure = on;
                return true;
            case bool on when ChannelOption.SoKeepalive.Equals(option):
                KeepAlive = on;
                return true;
            case bool on when ChannelOption.SoReuseaddr.Equals(option):
                ReuseAddress = on;
                return true;
            case bool on when ChannelOption.TcpNodelay.Equals(option):
                TcpNoDelay = on;
                return true;
            case int number when ChannelOption.SoRcvbuf.Equals(option):
                ReceiveBufferSize = number;
                return true;
            case int number when ChannelOption.SoSndbuf.Equals(option):
                SendBufferSize = number;
                return true;
            case int number when ChannelOption.SoLinger.Equals(option):
                Linger = number;
                return true;
            case int number when IntegerSocketOption.TryFind(option, out int level, out int name):
                Set(level, name, number);
                return true;
            default:
                return false;
        }
    }

    private int Get(int level, int name) => SocketOptions.Get(_socket, level, name);

    private void Set(int level, int name, int value) => SocketOptions.Set(_socket, level, name, value);
}
