using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport.Native;
using Promise = DotNetty.Common.Concurrency.TaskCompletionSource;

namespace DotNettyFraming.Transport;

/// <content>
/// Connecting:
/// <code>
/// connect(2) -> EINPROGRESS -> EPOLLOUT -> SO_ERROR = 0 -> active
///                   |              '------ SO_ERROR  ---> closed, ConnectException
///                   +--- time-out -----------------------> closed, ConnectTimeoutException
///                   '--- CloseAsync ---------------------> closed, ClosedChannelException
/// </code>
/// </content>
public sealed partial class EpollSocketChannel
{
    /// <summary>The attempt under way; <c>null</c> before, after, and for accepted channels.</summary>
    private ConnectAttempt? _connecting;

    /// <summary>Starts connecting. On the loop's thread; every way out completes the task.</summary>
    private Task Connect(EndPoint remoteAddress, EndPoint? localAddress)
    {
        if (_connecting is not null || Active)
        {
            return Task.FromException(new InvalidOperationException("connected already, or connecting"));
        }

        NativeSocketAddress address;
        int errno;
        try
        {
            if (localAddress is not null)
            {
                Bind(localAddress);
            }

            address = NativeSocketAddress.Encode(remoteAddress, _socket.Family, out uint length);
            errno = Connect(in address, length);
        }
        catch (Exception e)
        {
            Transport.CloseNow();
            return Task.FromException(e is System.Net.Sockets.SocketException ? new ConnectException($"cannot connect to {remoteAddress}", e) : e);
        }

        var attempt = new ConnectAttempt(remoteAddress, address);
        _connecting = attempt;
        if (errno is 0 or Errno.EINPROGRESS or Errno.EINTR)
        {
            // 0: epoll reports it as any other. EINTR on a non-blocking socket: the handshake goes on, and a second connect would say EALREADY.
            AwaitConnect(attempt);
        }
        else
        {
            RefuseConnect(errno);
        }

        return attempt.Promise.Task;
    }

    private unsafe int Connect(in NativeSocketAddress address, uint length)
    {
        fixed (NativeSocketAddress* pointer = &address)
        {
            return LibC.Connect(_socket.Number, (byte*)pointer, length) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    private void AwaitConnect(ConnectAttempt attempt)
    {
        try
        {
            Watch(LibC.EPOLLOUT);
        }
        catch (ChannelException e)
        {
            FailConnect(e);
            Transport.CloseNow();
            return;
        }

        StartTimer(attempt);
    }

    /// <summary>Starts the time-out on the channel's loop, with what is left of it after a move.</summary>
    private void StartTimer(ConnectAttempt attempt)
    {
        TimeSpan timeout = _configuration.ConnectTimeout;
        if (timeout > TimeSpan.Zero)
        {
            attempt.Timer = EventLoop.Schedule(
                static (channel, state) => ((EpollSocketChannel)channel).OnConnectTimeout((ConnectAttempt)state),
                this,
                attempt,
                timeout - Stopwatch.GetElapsedTime(attempt.Started));
        }
    }

    private void OnConnectTimeout(ConnectAttempt attempt)
    {
        if (_connecting == attempt)
        {
            FailConnect(new ConnectTimeoutException($"connection timed out: {attempt.Remote}"));
            Transport.CloseNow();
        }
    }

    /// <summary>epoll says that the handshake is over, either way.</summary>
    private void FinishConnect()
    {
        int errno = _socket.GetOption(LibC.SOL_SOCKET, LibC.SO_ERROR);
        if (errno != 0)
        {
            RefuseConnect(errno);
            return;
        }

        WatchAsConnected();
        BecomeActive();
    }

    private void RefuseConnect(int errno)
    {
        FailConnect(new ConnectException($"cannot connect to {_connecting!.Remote}", ToException(errno)));
        Transport.CloseNow();
    }

    /// <summary>Active first, then the promise: handlers see the channel before the code that awaits it.</summary>
    /// <remarks>Last comes what was flushed while connecting.</remarks>
    private void BecomeActive()
    {
        ConnectAttempt attempt = _connecting!;
        _connecting = null;
        attempt.Timer?.Cancel();
        _remote = attempt.Address;
        _remoteIsKnown = true;
        _active = true;
        InvalidateLocalAddress();

        Pipeline.FireChannelActive();
        attempt.Promise.TryComplete();
        Transport.FlushNow();
    }

    private void FailConnect(Exception cause)
    {
        if (_connecting is { } attempt)
        {
            _connecting = null;
            attempt.Timer?.Cancel();
            attempt.Promise.TrySetException(cause);
        }
    }

    /// <summary>What only a connecting channel needs, so that connected ones do not carry it.</summary>
    private sealed class ConnectAttempt(EndPoint remote, NativeSocketAddress address)
    {
        public Promise Promise { get; } = new();

        public EndPoint Remote { get; } = remote;

        public long Started { get; } = Stopwatch.GetTimestamp();

        public NativeSocketAddress Address { get; } = address;

        public IScheduledTask? Timer { get; set; }
    }
}
