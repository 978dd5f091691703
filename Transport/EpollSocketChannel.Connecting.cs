using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
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
    /// <summary>The attempt in progress; <c>null</c> before, after, and for accepted channels.</summary>
    private ConnectAttempt? _connecting;

    /// <summary>Starts connecting. On the loop's thread; every outcome completes the task.</summary>
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
            return Task.FromException(e is SocketException ? new ConnectException($"cannot connect to {remoteAddress}", e) : e);
        }

        var attempt = new ConnectAttempt(remoteAddress, address);
        _connecting = attempt;
        if (errno is 0 or Errno.EINPROGRESS or Errno.EINTR)
        {
            // 0: epoll reports it like any other connect. EINTR on a non-blocking socket: the handshake goes on.
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

    /// <summary>Starts the time-out on the channel's loop, with the remaining time after a move.</summary>
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

    /// <summary>Completes the connect: epoll has reported the end of the handshake, successful or not.</summary>
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

    /// <summary>Fires "active", then completes the promise, then sends the writes flushed while connecting.</summary>
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

    /// <summary>The state of a connecting channel only, so that connected channels do not carry it.</summary>
    private sealed class ConnectAttempt(EndPoint remote, NativeSocketAddress address)
    {
        public Promise Promise { get; } = new();

        public EndPoint Remote { get; } = remote;

        public long Started { get; } = Stopwatch.GetTimestamp();

        public NativeSocketAddress Address { get; } = address;

        public IScheduledTask? Timer { get; set; }
    }
}
