using System.Net;
using System.Net.Sockets;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Transport.Accepting;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <summary>A TCP connection or a Unix stream connection on an <see cref="EpollEventLoop"/>, accepted or outgoing.</summary>
/// <remarks>
/// <para>This file is the life of the descriptor; connecting, reading and writing have files of their own.</para>
/// <para>Threads: the state belongs to the loop's thread. The methods of <see cref="IChannel"/> may be called from any thread.</para>
/// <para>
/// An action of the peer throws nothing. A reset goes down the pipeline as one shared <see cref="SocketException"/> and closes
/// the channel, as on DotNetty's sockets.
/// </para>
/// </remarks>
public sealed partial class EpollSocketChannel : AbstractChannel, ISocketChannel, IEpollChannel
{
    private static readonly ChannelMetadata SocketMetadata = new(hasDisconnect: false);

    private readonly SocketDescriptor _socket;
    private readonly EpollSocketChannelConfiguration _configuration;

    /// <summary>The peer's IP address, kept after close. Any thread may read it once <see cref="_remoteIsKnown"/> is set.</summary>
    private NativeSocketAddress _remote;

    private volatile bool _remoteIsKnown;

    private EpollRegistration _registration;

    private volatile bool _active;

    /// <summary>Whether a handler has tried to register this channel.</summary>
    private bool _claimed;

    /// <summary>Opens a dual-stack socket: IPv6 with IPv4 as mapped addresses, or IPv4 alone in a kernel without IPv6.</summary>
    /// <exception cref="SocketException">No descriptor left.</exception>
    public EpollSocketChannel()
        : this(AddressFamily.InterNetworkV6)
    {
    }

    /// <summary>Opens a socket of one family: IPv4, IPv6, which is dual-stack, or Unix.</summary>
    /// <exception cref="SocketException">No descriptor left.</exception>
    public EpollSocketChannel(AddressFamily family)
        : base(parent: null)
    {
        _socket = SocketDescriptor.Open(ToNative(family));
        if (!_socket.IsUnix)
        {
            _socket.SetOption(LibC.IPPROTO_TCP, LibC.TCP_NODELAY, 1);
        }

        _configuration = new EpollSocketChannelConfiguration(this, _socket);
    }

    /// <summary>Wraps an accepted connection; TCP_NODELAY comes from the listener.</summary>
    internal EpollSocketChannel(EpollServerSocketChannel parent, SocketDescriptor socket, in NativeSocketAddress remote)
        : base(parent)
    {
        _socket = socket;
        _remote = remote;
        _remoteIsKnown = !socket.IsUnix;
        _active = true;
        _configuration = new EpollSocketChannelConfiguration(this, socket);
    }

    /// <inheritdoc />
    public override IChannelConfiguration Configuration => _configuration;

    /// <inheritdoc />
    public override ChannelMetadata Metadata => SocketMetadata;

    /// <inheritdoc />
    public override bool Open => !_socket.IsClosed;

    /// <inheritdoc />
    public override bool Active => _active;

    /// <summary>The epoll events that are watched; 0 = errors only, or not in epoll. For tests.</summary>
    internal uint Watched => _registration.Watched & ~LibC.EPOLLET;

    /// <summary>Returns <c>null</c> for a closed channel unless it was read before: accept does not cost a getsockname.</summary>
    protected override EndPoint? LocalAddressInternal => _socket.LocalAddress;

    /// <summary>Returns <c>null</c> until connected, and for an unnamed Unix peer.</summary>
    protected override EndPoint? RemoteAddressInternal =>
        _remoteIsKnown ? _remote.Decode() : _socket.IsUnix ? _socket.RemoteAddress : null;

    private SocketUnsafe Transport => (SocketUnsafe)Unsafe;

    void IEpollChannel.OnReady(uint events)
    {
        if (_connecting is not null)
        {
            // Only EPOLLOUT was watched until now, so "active" comes before any read.
            FinishConnect();
            return;
        }

        if ((events & (LibC.EPOLLERR | LibC.EPOLLHUP)) != 0)
        {
            OnBroken();
            return;
        }

        if ((events & LibC.EPOLLOUT) != 0)
        {
            Transport.FlushNow();
        }

        if ((events & LibC.EPOLLIN) != 0 && Open)
        {
            OnReadable();
            _firstContext = _firstContext is { Removed: true } ? null : _firstContext; // such as the handler of a PROXY header
        }
    }

    internal static int ToNative(AddressFamily family) => family switch
    {
        AddressFamily.InterNetworkV6 => LibC.AF_INET6,
        AddressFamily.InterNetwork => LibC.AF_INET,
        AddressFamily.Unix => LibC.AF_UNIX,
        _ => throw new ArgumentOutOfRangeException(nameof(family), family, "IPv4, IPv6 or Unix"),
    };

    /// <summary>Throws if the loop shuts down: it has closed its channels and would not close this one.</summary>
    internal static void ThrowIfShuttingDown(EpollEventLoop loop)
    {
        if (loop.IsShuttingDown)
        {
            throw new RejectedExecutionException("the event loop shuts down");
        }
    }

    /// <summary>Closes an accepted channel that no handler has registered. On the listener's loop.</summary>
    internal void CloseUnlessClaimed()
    {
        if (!_claimed)
        {
            Unsafe.CloseForcibly();
        }
    }

    /// <inheritdoc />
    protected override IChannelId NewId() => new SequentialChannelId();

    /// <inheritdoc />
    protected override IChannelUnsafe NewUnsafe() => new SocketUnsafe(this);

    /// <inheritdoc />
    protected override bool IsCompatible(IEventLoop eventLoop)
    {
        // Registering calls this first.
        _claimed = true;
        return eventLoop is EpollEventLoop;
    }

    /// <inheritdoc />
    protected override void DoRegister()
    {
        var loop = (EpollEventLoop)EventLoop;
        ThrowIfShuttingDown(loop);
        _registration.Attach(loop, _socket.Number, this);
        if (_connecting is { } attempt)
        {
            StartTimers(attempt);
        }
        else if (_writeFailure is not null)
        {
            DrainSoon();
        }
        else if (_active && _registration.Watched == 0)
        {
            WatchAsConnected();
        }
    }

    /// <summary>Leaves the loop for another one. Does nothing after <see cref="DoClose"/>.</summary>
    protected override void DoDeregister()
    {
        _connecting?.CancelTimers();
        _registration.Leave();
    }

    /// <summary>Binds an outgoing channel to a local address. A failure closes it.</summary>
    protected override void DoBind(EndPoint localAddress)
    {
        try
        {
            Bind(localAddress);
        }
        catch
        {
            DoClose();
            throw;
        }
    }

    /// <inheritdoc />
    protected override void DoDisconnect() => DoClose();

    /// <summary>Leaves epoll and the loop's table, then closes the descriptor, once.</summary>
    /// <remarks>On the loop's thread, or on any thread if the channel was never registered.</remarks>
    protected override void DoClose()
    {
        if (_socket.IsClosed)
        {
            return;
        }

        _active = false;
        _inputShutdown = true;
        _outputShutdown = true;
        _registration.Detach();
        _socket.Dispose();
        AcceptBackoff.DescriptorClosed();

        if (_connecting is not null)
        {
            FailConnect(new ClosedChannelException());
        }

        if (_shutdownPromise is not null)
        {
            CompleteShutdownOutput(new ClosedChannelException());
        }
    }

    /// <summary>Watches exactly these events. 0 is EPOLLET alone, which reports the end of the connection once.</summary>
    private void Watch(uint events) => _registration.Watch(events == 0 ? LibC.EPOLLET : events);

    /// <summary>Watches errors, and already EPOLLIN if AutoRead will request it in the same turn.</summary>
    private void WatchAsConnected() => Watch(_configuration.AutoRead ? LibC.EPOLLIN : 0);

    private void Bind(EndPoint localAddress)
    {
        if (localAddress is IPEndPoint { Port: 0 } && !_socket.IsUnix)
        {
            LeavePortToConnect();
        }

        _socket.Bind(localAddress);
    }

    /// <summary>Lets connect pick the port instead of bind.</summary>
    /// <remarks>
    /// A port picked by bind is used for one connection only, so a local address could have 28,000 connections in all. Picked by
    /// connect it can have as many per destination.
    /// </remarks>
    private void LeavePortToConnect()
    {
        try
        {
            _socket.SetOption(LibC.IPPROTO_IP, LibC.IP_BIND_ADDRESS_NO_PORT, 1);
        }
        catch (SocketException)
        {
            // ENOPROTOOPT: a kernel without the option. bind then picks the port, and ports run out sooner.
        }
    }

    private static SocketException ToException(int errno) => SocketErrors.ToException(errno);
}
