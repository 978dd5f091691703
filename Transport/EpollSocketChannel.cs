using System.Net;
using System.Net.Sockets;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Transport.Accepting;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <summary>
/// A TCP connection on an <see cref="EpollEventLoop"/>: accepted by an <see cref="EpollServerSocketChannel"/>, or
/// outgoing through a <see cref="DotNetty.Transport.Bootstrapping.Bootstrap"/>.
/// </summary>
/// <remarks>
/// <para>One idea a file: this one is the life of the descriptor; Connecting, Reading and Writing are beside it.</para>
/// <para>
/// Threads: all state below belongs to the loop's thread. What <see cref="IChannel"/> offers may be called from any
/// thread, as the pipeline takes it to the loop.
/// </para>
/// <para>
/// What a peer does is an outcome. A reset goes down the pipeline as one shared <see cref="SocketException"/>, as on
/// DotNetty's sockets, and closes the channel; nothing is thrown.
/// </para>
/// </remarks>
public sealed partial class EpollSocketChannel : AbstractChannel, ISocketChannel, IEpollChannel
{
    private static readonly ChannelMetadata SocketMetadata = new(hasDisconnect: false);

    private readonly SocketDescriptor _socket;
    private readonly EpollSocketChannelConfiguration _configuration;

    /// <summary>The peer. Written once, by accept4 or when connected; kept after close. Read by any thread behind <see cref="_remoteIsKnown"/>.</summary>
    private NativeSocketAddress _remote;

    /// <summary>Set after <see cref="_remote"/>, so that no thread reads a part of it.</summary>
    private volatile bool _remoteIsKnown;

    /// <summary>Our place in the loop, and what epoll watches for us.</summary>
    private EpollRegistration _registration;

    /// <summary>Connected and not closed. Read by any thread.</summary>
    private volatile bool _active;

    /// <summary>Somebody has tried to register this channel; until then an accepted channel belongs to nobody.</summary>
    private bool _claimed;

    /// <summary>A dual-stack socket: IPv6, with IPv4 as mapped addresses; IPv4 alone in a kernel without IPv6.</summary>
    /// <exception cref="SocketException">No descriptor left.</exception>
    public EpollSocketChannel()
        : this(AddressFamily.InterNetworkV6)
    {
    }

    /// <summary>A socket of one family; IPv6 is dual-stack.</summary>
    /// <exception cref="SocketException">No descriptor left.</exception>
    public EpollSocketChannel(AddressFamily family)
        : base(parent: null)
    {
        _socket = SocketDescriptor.Open(ToNative(family));
        _socket.SetOption(LibC.IPPROTO_TCP, LibC.TCP_NODELAY, 1);
        _configuration = new EpollSocketChannelConfiguration(this, _socket);
    }

    /// <summary>An accepted connection; TCP_NODELAY comes from the listener.</summary>
    internal EpollSocketChannel(EpollServerSocketChannel parent, SocketDescriptor socket, in NativeSocketAddress remote)
        : base(parent)
    {
        _socket = socket;
        _remote = remote;
        _remoteIsKnown = true;
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

    /// <summary>The epoll events watched for now; 0 = errors alone, or not in epoll. For tests.</summary>
    internal uint Watched => _registration.Watched & ~LibC.EPOLLET;

    /// <summary><c>null</c> once the channel is closed, unless it was asked for before: an accepted channel does not ask the kernel for what nobody wants to know.</summary>
    protected override EndPoint? LocalAddressInternal => _socket.LocalAddress;

    /// <inheritdoc />
    protected override EndPoint? RemoteAddressInternal => _remoteIsKnown ? _remote.Decode() : null;

    private SocketUnsafe Transport => (SocketUnsafe)Unsafe;

    void IEpollChannel.OnReady(uint events)
    {
        if (_connecting is not null)
        {
            // Active before any read: nothing but EPOLLOUT was watched for until now.
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
        }
    }

    internal static int ToNative(AddressFamily family) => family switch
    {
        AddressFamily.InterNetworkV6 => LibC.AF_INET6,
        AddressFamily.InterNetwork => LibC.AF_INET,
        _ => throw new ArgumentOutOfRangeException(nameof(family), family, "IPv4 or IPv6"),
    };

    /// <summary>A loop that shuts down has closed its channels and would not close this one.</summary>
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

    /// <summary>The first thing that registering asks, so here the channel is claimed.</summary>
    protected override bool IsCompatible(IEventLoop eventLoop)
    {
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
            StartTimer(attempt);
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

    /// <summary>Leaves for another loop. After <see cref="DoClose"/> it has nothing left to do.</summary>
    protected override void DoDeregister()
    {
        _connecting?.Timer?.Cancel();
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

    /// <summary>
    /// Leaves epoll and the loop's table, then closes the descriptor; once. On the loop's thread, or on any when the
    /// channel was never registered.
    /// </summary>
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

    /// <summary>Watches for exactly these events. 0 is EPOLLET alone: it reports the end of the connection, once, and nothing else.</summary>
    private void Watch(uint events) => _registration.Watch(events == 0 ? LibC.EPOLLET : events);

    /// <summary>Input if it is going to be asked for in the same turn, which saves a call; a reset in any case.</summary>
    private void WatchAsConnected() => Watch(_configuration.AutoRead ? LibC.EPOLLIN : 0);

    private unsafe void Bind(EndPoint localAddress)
    {
        NativeSocketAddress address = NativeSocketAddress.Encode(localAddress, _socket.Family, out uint length);
        if (localAddress is IPEndPoint { Port: 0 })
        {
            LeavePortToConnect();
        }

        if (LibC.Bind(_socket.Number, (byte*)&address, length) < 0)
        {
            throw SocketErrors.LastError("bind");
        }
    }

    /// <summary>
    /// Not bind but connect picks the port: one that may be in use to other destinations. Picked by bind, it would be the
    /// only one in the whole machine, and a local address could have 28,000 connections in all instead of to each destination.
    /// </summary>
    private void LeavePortToConnect()
    {
        try
        {
            _socket.SetOption(LibC.IPPROTO_IP, LibC.IP_BIND_ADDRESS_NO_PORT, 1);
        }
        catch (SocketException)
        {
            // ENOPROTOOPT: a kernel without it. bind picks the port then, which is right too, only sooner short of ports.
        }
    }

    private static SocketException ToException(int errno) => SocketErrors.ToException(errno);
}
