using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNetty.Common.Internal.Logging;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Transport.Accepting;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <summary>A listening TCP or Unix socket on an <see cref="EpollEventLoop"/>. Its messages are the accepted channels.</summary>
/// <remarks>
/// Bound to the path of a Unix socket, it deletes the file when it closes, as .NET's sockets do.
/// A handler registers an accepted channel before <c>ChannelRead</c> returns, as
/// <see cref="DotNetty.Transport.Bootstrapping.ServerBootstrap"/> does. An unregistered channel is closed then, so that a
/// handler that throws leaks no descriptor.
/// </remarks>
public sealed class EpollServerSocketChannel : AbstractServerChannel, IServerSocketChannel, IEpollChannel
{
    /// <summary>The accepts per wake-up: enough for a burst, few enough for the loop's other channels.</summary>
    private const int AcceptsPerWakeUp = 64;

    /// <summary>The consecutive failures that are retried immediately; after the next one the listener pauses.</summary>
    private const int MaxRetries = 8;

    private static readonly IInternalLogger Logger = InternalLoggerFactory.GetInstance<EpollServerSocketChannel>();

    private readonly SocketDescriptor _socket;
    private readonly EpollServerSocketChannelConfiguration _configuration;
    private readonly AcceptErrors _errors = new();
    private readonly DescriptorReserve _reserve = new();

    private EpollRegistration _registration;
    private AcceptBackoff? _backoff;
    private bool _listensAlready;
    private string? _file;
    private bool _readPending;
    private bool _readIsAutomatic;
    private volatile bool _listening;

    /// <summary>Opens a dual-stack socket: IPv6 with IPv4 as mapped addresses, or IPv4 alone in a kernel without IPv6.</summary>
    /// <exception cref="SocketException">No descriptor left.</exception>
    public EpollServerSocketChannel()
        : this(AddressFamily.InterNetworkV6)
    {
    }

    /// <summary>Opens a socket of one family.</summary>
    /// <param name="family">IPv4, IPv6 or Unix.</param>
    /// <param name="isDualStack">Whether an IPv6 socket also accepts IPv4 connections, as mapped addresses.</param>
    /// <exception cref="SocketException">No descriptor left.</exception>
    public EpollServerSocketChannel(AddressFamily family, bool isDualStack = true)
        : this(SocketDescriptor.Open(EpollSocketChannel.ToNative(family)))
    {
        if (!isDualStack && _socket.Family == LibC.AF_INET6)
        {
            _socket.SetOption(LibC.IPPROTO_IPV6, LibC.IPV6_V6ONLY, 1);
        }

        if (!_socket.IsUnix)
        {
            _socket.SetOption(LibC.SOL_SOCKET, LibC.SO_REUSEADDR, 1);
        }
    }

    private EpollServerSocketChannel(SocketDescriptor socket)
    {
        _socket = socket;
        _configuration = new EpollServerSocketChannelConfiguration(this, _socket);

        if (!_socket.IsUnix)
        {
            // Linux copies it to each accepted socket, which saves a call per connection.
            _socket.SetOption(LibC.IPPROTO_TCP, LibC.TCP_NODELAY, 1);
        }
    }

    /// <summary>Creates a channel on a socket that already listens, from a service manager (sd_listen_fds(3)) for example.</summary>
    /// <param name="descriptor">The socket. The channel owns it and makes it non-blocking and close-on-exec.</param>
    /// <returns>
    /// A channel for a bootstrap to bind. bind(2) and listen(2) are not called: address and backlog stay those of the socket.
    /// </returns>
    /// <exception cref="SocketException">It is not a listening TCP or Unix socket; the caller still owns it.</exception>
    public static EpollServerSocketChannel Adopt(int descriptor)
    {
        SocketDescriptor socket = SocketDescriptor.AdoptListening(descriptor);
        try
        {
            return new EpollServerSocketChannel(socket) { _listensAlready = true };
        }
        catch
        {
            // The caller still owns it, so the finalizer must not close it.
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

    /// <summary>Whether the kernel still listens on the socket; false after a shutdown from outside. Any thread.</summary>
    /// <exception cref="ObjectDisposedException">The channel is closed.</exception>
    public bool IsListening => _socket.GetOption(LibC.SOL_SOCKET, LibC.SO_ACCEPTCONN) != 0;

    /// <summary>A snapshot of accept's failures, counted by the errno's name (<c>EMFILE</c>). Any thread.</summary>
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

        // A pause on the previous loop may have stopped watching.
        WatchIfPending();
    }

    /// <inheritdoc />
    protected override void DoDeregister()
    {
        _backoff?.Cancel();
        _registration.Leave();
    }

    /// <summary>Binds and listens. A failure closes the channel, as DotNetty does not.</summary>
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
        DeleteFile();
        _socket.Dispose();
    }

    private void BindAndListen(EndPoint localAddress)
    {
        try
        {
            _socket.Bind(localAddress);
            _file = PathOf(localAddress);
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

    /// <summary>Returns the full path of a Unix socket's file; <c>null</c> for other addresses, and for abstract ones.</summary>
    private static string? PathOf(EndPoint address) =>
        address is UnixDomainSocketEndPoint unix && unix.Serialize()[NativeSocketAddress.PathOffset] != 0
            ? Path.GetFullPath(unix.ToString())
            : null;

    /// <summary>Deletes the file while the socket still listens: afterwards the path may belong to another listener.</summary>
    private void DeleteFile()
    {
        if (_file is null)
        {
            return;
        }

        try
        {
            File.Delete(_file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Logger.Warn("Cannot delete the file of a Unix socket.", e);
        }
    }

    private void WatchIfPending()
    {
        if (Open && _readPending && _backoff is { IsActive: false })
        {
            _registration.Watch(LibC.EPOLLIN);
        }
    }

    /// <summary>Accepts up to <see cref="AcceptsPerWakeUp"/> connections, until a handler closes the listener or stops reading.</summary>
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
                case AcceptOutcome.NoneWaiting:
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
