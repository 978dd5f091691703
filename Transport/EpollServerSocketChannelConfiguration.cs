using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <summary>The options of an <see cref="EpollServerSocketChannel"/>. Any thread; set them before bind.</summary>
/// <remarks>
/// Those of every channel, <see cref="ChannelOption.SoBacklog"/>, <see cref="ChannelOption.SoReuseaddr"/>,
/// <see cref="ChannelOption.SoReuseport"/>, <see cref="ChannelOption.SoRcvbuf"/> and every <see cref="IntegerSocketOption"/>.
/// </remarks>
public sealed class EpollServerSocketChannelConfiguration : DefaultChannelConfiguration, IServerSocketChannelConfiguration
{
    /// <summary>The default of <c>net.core.somaxconn</c> since Linux 5.4.</summary>
    public const int DefaultBacklog = 4096;

    private static readonly AdaptiveRecvByteBufAllocator Unused = new();

    private readonly SocketDescriptor _socket;
    private volatile int _backlog = DefaultBacklog;

    internal EpollServerSocketChannelConfiguration(EpollServerSocketChannel channel, SocketDescriptor socket)
        : base(channel, Unused)
    {
        _socket = socket;
    }

    /// <summary>The maximum number of connections that wait for accept. The kernel silently caps it at <c>net.core.somaxconn</c>.</summary>
    public int Backlog
    {
        get => _backlog;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _backlog = value;
        }
    }

    /// <summary>SO_REUSEADDR; <c>true</c> by default: a restart does not wait for TIME_WAIT. A port in use is still an error.</summary>
    public bool ReuseAddress
    {
        get => SocketOptions.Get(_socket, LibC.SOL_SOCKET, LibC.SO_REUSEADDR) != 0;
        set => SocketOptions.Set(_socket, LibC.SOL_SOCKET, LibC.SO_REUSEADDR, value ? 1 : 0);
    }

    /// <summary>SO_REUSEPORT; <c>false</c> by default: with it a second server can silently take half of the connections.</summary>
    public bool ReusePort
    {
        get => SocketOptions.Get(_socket, LibC.SOL_SOCKET, LibC.SO_REUSEPORT) != 0;
        set => SocketOptions.Set(_socket, LibC.SOL_SOCKET, LibC.SO_REUSEPORT, value ? 1 : 0);
    }

    /// <summary>SO_RCVBUF in bytes, inherited by accepted connections. Set before bind, it decides the maximum TCP window.</summary>
    public int ReceiveBufferSize
    {
        get => SocketOptions.Get(_socket, LibC.SOL_SOCKET, LibC.SO_RCVBUF);
        set => SocketOptions.Set(_socket, LibC.SOL_SOCKET, LibC.SO_RCVBUF, value);
    }

    /// <inheritdoc />
    public override T GetOption<T>(ChannelOption<T> option)
    {
        object? value =
            ChannelOption.SoBacklog.Equals(option) ? Backlog
            : ChannelOption.SoReuseaddr.Equals(option) ? ReuseAddress
            : ChannelOption.SoReuseport.Equals(option) ? ReusePort
            : ChannelOption.SoRcvbuf.Equals(option) ? ReceiveBufferSize
            : IntegerSocketOption.TryFind(option, out int level, out int name) ? SocketOptions.Get(_socket, level, name)
            : null;
        return value is null ? base.GetOption(option) : (T)value;
    }

    /// <inheritdoc />
    public override bool SetOption<T>(ChannelOption<T> option, T value)
    {
        if (ChannelOption.RcvbufAllocator.Equals(option))
        {
            return false; // a listener has no use for it; the bootstrap logs that
        }

        if (base.SetOption(option, value))
        {
            return true;
        }

        switch (value)
        {
            case bool on when ChannelOption.SoReuseaddr.Equals(option):
                ReuseAddress = on;
                return true;
            case bool on when ChannelOption.SoReuseport.Equals(option):
                ReusePort = on;
                return true;
            case int number when ChannelOption.SoBacklog.Equals(option):
                Backlog = number;
                return true;
            case int number when ChannelOption.SoRcvbuf.Equals(option):
                ReceiveBufferSize = number;
                return true;
            case int number when IntegerSocketOption.TryFind(option, out int level, out int name):
                SocketOptions.Set(_socket, level, name, number);
                return true;
            default:
                return false;
        }
    }
}
