using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Transport.Accepting;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <summary>
/// A listening TCP socket on an <see cref="EpollEventLoop"/>. Its messages are the accepted
/// <see cref="EpollSocketChannel"/>s, which <see cref="DotNetty.Transport.Bootstrapping.ServerBootstrap"/> gives to the
/// child loops in turn.
/// </summary>
/// <remarks>
/// Whoever handles an accepted channel registers it before <c>ChannelRead</c> returns; one that nobody registered is
/// closed then, so that a handler that throws loses no descriptor.
/// </remarks>
public sealed class EpollServerSocketChannel : AbstractServerChannel, IServerSocketChannel, IEpollChannel
{
    /// <summary>Accepts per wake-up: enough for a burst, few enough for the loop's other work.</summary>
    private const int AcceptsPerWakeUp = 64;

    /// <summary>Failures in a row that are followed by another try; after one more the listener pauses, as the cause may stay.</summary>
    private const int MaxRetries = 8;

    private readonly SocketDescriptor _socket;
    private readonly EpollServerSocketChannelConfiguration _configuration;
    private readonly AcceptErrors _errors = new();
    private readonly DescriptorReserve _reserve = new();

    private EpollRegistration _registration;
    private AcceptBackoff? _backoff;
    private bool _listensAlready;
    private bool _readPending;
    private bool _readIsAutomatic;
    private volatile bool _listening;

    /// <summary>A dual-stack socket: IPv6, with IPv4 as mapped addresses; IPv4 alone in a kernel without IPv6.</summary>
    /// <exception cref="SocketException">No descriptor left.</exception>
    public EpollServerSocketChannel()
        : this(AddressFamily.InterNetworkV6)
    {
    }

    /// <summary>A socket of one family.</summary>
    /// <param name="family">IPv4 or IPv6.</param>
    /// <param name="isDualStack">Whether an IPv6 socket accepts IPv4 connections too, as mapped addresses.</param>
    /// <exception cref="SocketException">No descriptor left.</exception>
    public EpollServerSocketChannel(AddressFamily family, bool isDualStack = true)
        : this(SocketDescriptor.Open(EpollSocketChannel.ToNative(family)))
    {
        if (!isDualStack && _socket.Family == LibC.AF_INET6)
        {
            _socket.SetOption(LibC.IPPROTO_IPV6, LibC.IPV6_V6ONLY, 1);
        }

        _socket.SetOption(LibC.SOL_SOCKET, LibC.SO_REUSEADDR, 1);
    }

    private EpollServerSocketChannel(SocketDescriptor socket)
    {
        _socket = socket;
        _configuration = new EpollServerSocketChannelConfiguration(this, _socket);

        // Linux copies it to each accepted socket, which saves a call for every connection.
        _socket.SetOption(LibC.IPPROTO_TCP, LibC.TCP_NODELAY, 1);
    }

    /// <summary>A channel on a socket that listens already, as a service manager hands one over (sd_listen_fds(3)).</summary>
    /// <param name="descriptor">Its number; this channel's from now on, to close as well. It becomes non-blocking and closed on
    /// exec.</param>
    /// <returns>
    /// A channel to be bound like any other, so that a bootstrap can start it; bind(2) and listen(2) are not called, and the
    /// address and the backlog stay those of the socket, whatever is asked for.
    /// </returns>
    /// <exception cref="SocketException">It is no listening TCP socket; it stays the caller's.</exception>
    public static EpollServerSocketChannel Adopt(int descriptor)
    {
        SocketDescriptor socket = SocketDescriptor.AdoptListening(descriptor);
        try
        {
            return new EpollServerSocketChannel(socket) { _listensAlready = true };
        }
        catch
        {
            // It stays the caller's, so no finalizer may close it.
            socket.SetHandleAsInvalid();
            throw;
        }
    }

    /// <inheritdoc />
    public override IChannelConfiguration Configuration => _configuration;

    /// <inheritdoc />
    public override bool Open => !_socket.IsClosed;

    /// <inheritdoc />
    public override bool Active => _listening;

    /// <summary>Whether the kernel still accepts connections on the socket; false after it was shut down from outside. Any thread.</summary>
    /// <exception cref="ObjectDisposedException">The channel is closed.</exception>
    public bool IsListening => _socket.GetOption(LibC.SOL_SOCKET, LibC.SO_ACCEPTCONN) != 0;

    /// <summary>
    /// How often accept failed since this channel was made, by the errno's name (<c>EMFILE</c>); "nobody waits" is no error. A
    /// snapshot; any thread.
    /// </summary>
    public IReadOnlyDictionary<string, long> AcceptErrors => _errors.ToDictionary();

    /// <inheritdoc />
    protected override EndPoint? LocalAddressInternal => _socket.LocalAddress;

    void IEpollChannel.OnReady(uint events)
    {
        if (!_readPending || (_readIsAutomatic && !_configuration.AutoRead) || _backoff is { IsActive: true })
        {
            _registration.Watch(0);
            return;
        }

        _readPending = false;
        AcceptBatch();
        if (Open)
        {
            Pipeline.FireChannelReadComplete();
        }
    }

    /// <inheritdoc />
    protected override IChannelId NewId() => new SequentialChannelId();

    /// <inheritdoc />
    protected override bool IsCompatible(IEventLoop eventLoop) => eventLoop is EpollEventLoop;

    /// <inheritdoc />
    protected override void DoRegister()
    {
        var loop = (EpollEventLoop)EventLoop;
        EpollSocketChannel.ThrowIfShuttingDown(loop);
        _registration.Attach(loop, _socket.Number, this);
        _backoff = new AcceptBackoff(loop, WatchIfPending);

        // A pause in the loop before may have stopped watching.
        WatchIfPending();
    }

    /// <inheritdoc />
    protected override void DoDeregister()
    {
        _backoff?.Cancel();
        _registration.Leave();
    }

    /// <summary>Binds and listens. A failure closes the channel, as nobody else would.</summary>
    protected override void DoBind(EndPoint localAddress)
    {
        if (!_listensAlready)
        {
            BindAndListen(localAddress);
        }

        _listening = true;
        CacheLocalAddress();
    }

    /// <inheritdoc />
    protected override void DoBeginRead()
    {
        _readPending = true;
        _readIsAutomatic = _configuration.AutoRead;
        WatchIfPending();
    }

    /// <inheritdoc />
    protected override void DoClose()
    {
        if (_socket.IsClosed)
        {
            return;
        }

        _listening = false;
        _backoff?.Cancel();
        _registration.Detach();
        _socket.Dispose();
    }

    private unsafe void BindAndListen(EndPoint localAddress)
    {
        try
        {
            NativeSocketAddress address = NativeSocketAddress.Encode(localAddress, _socket.Family, out uint length);
            if (LibC.Bind(_socket.Number, (byte*)&address, length) < 0)
            {
                throw SocketErrors.LastError("bind");
            }

            if (LibC.Listen(_socket.Number, _configuration.Backlog) < 0)
            {
                throw SocketErrors.LastError("listen");
            }
        }
        catch
        {
            DoClose();
            throw;
        }
    }

    private void WatchIfPending()
    {
        if (Open && _readPending && _backoff is { IsActive: false })
        {
            _registration.Watch(LibC.EPOLLIN);
        }
    }

    /// <summary>
    /// Accepts what waits, at most <see cref="AcceptsPerWakeUp"/>; stops when a handler closes the listener or turns AutoRead off.
    /// </summary>
    private void AcceptBatch()
    {
        if (!_reserve.HasRoom())
        {
            PauseFor(Errno.EMFILE);
            return;
        }

        int failures = 0;
        for (int i = 0; i < AcceptsPerWakeUp && Open && (_configuration.AutoRead || !_readIsAutomatic); i++)
        {
            if (TryAccept(out EpollSocketChannel? child, out int errno))
            {
                failures = 0;
                _backoff!.Accepted();
                Pipeline.FireChannelRead(child);
                child.CloseUnlessClaimed();
                if (_reserve.IsReached)
                {
                    PauseFor(Errno.EMFILE);
                    return;
                }

                continue;
            }

            switch (AcceptOutcomes.Of(errno))
            {
                case AcceptOutcome.NobodyWaits:
                    return;

                case AcceptOutcome.TryNext when ++failures <= MaxRetries:
                    _errors.Add(errno);
                    continue;

                case AcceptOutcome.Exhausted:
                    _reserve.Exhausted();
                    break;
            }

            PauseFor(errno);
            return;
        }
    }

    private void PauseFor(int errno)
    {
        _errors.Add(errno);
        if (Open)
        {
            _registration.Watch(0);
            _backoff!.Pause(errno);
        }
    }

    private unsafe bool TryAccept([NotNullWhen(true)] out EpollSocketChannel? child, out int errno)
    {
        var remote = default(NativeSocketAddress);
        uint length = NativeSocketAddress.Capacity;
        int fd = LibC.Accept4(_socket.Number, (byte*)&remote, &length, LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC);
        if (fd < 0)
        {
            errno = Marshal.GetLastPInvokeError();
            child = null;
            return false;
        }

        errno = 0;
        _reserve.Given(fd);
        child = new EpollSocketChannel(this, SocketDescriptor.Adopt(fd, _socket.Family), remote);
        return true;
    }
}
