using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
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
///            -> EAGAIN (the queue of a Unix listener is full) -> the same again 10 ms later
/// </code>
/// </content>
public sealed partial class EpollSocketChannel
{
    /// <summary>The attempt in progress; <c>null</c> before, after, and for accepted channels.</summary>
    private ConnectAttempt? _connecting;

    /// <summary>The pause before a connect to a full queue is repeated.</summary>
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(10);

    /// <summary>Starts connecting. On the loop's thread; every outcome completes the task.</summary>
    private Task Connect(EndPoint remoteAddress, EndPoint? localAddress)
    {
        if (_connecting is not null || Active)
        {
            return Task.FromException(new InvalidOperationException("connected already, or connecting"));
        }

        int errno;
        try
        {
            if (localAddress is not null)
            {
                Bind(localAddress);
            }

            errno = _socket.Connect(remoteAddress);
        }
        catch (Exception e)
        {
            Transport.CloseNow();
            return Task.FromException(e is SocketException ? new ConnectException($"cannot connect to {remoteAddress}", e) : e);
        }

        var attempt = new ConnectAttempt(remoteAddress);
        _connecting = attempt;
        Continue(attempt, errno);
        if (_connecting == attempt)
        {
            StartTimers(attempt);
        }

        return attempt.Promise.Task;
    }

    /// <summary>Handles the result of connect(2).</summary>
    private void Continue(ConnectAttempt attempt, int errno)
    {
        attempt.QueueIsFull = errno == Errno.EAGAIN && _socket.IsUnix;
        if (errno is 0 or Errno.EINPROGRESS or Errno.EINTR)
        {
            // 0: epoll reports it like any other connect. EINTR on a non-blocking socket: the handshake goes on.
            AwaitConnect();
        }
        else if (!attempt.QueueIsFull)
        {
            RefuseConnect(errno);
        }
    }

    private void AwaitConnect()
    {
        try
        {
            Watch(LibC.EPOLLOUT);
        }
        catch (ChannelException e)
        {
            FailConnect(e);
            Transport.CloseNow();
        }
    }

    /// <summary>Starts the timers of an attempt on the channel's loop, with the remaining time after a move.</summary>
    private void StartTimers(ConnectAttempt attempt)
    {
        TimeSpan timeout = _configuration.ConnectTimeout;
        if (timeout > TimeSpan.Zero)
        {
            attempt.Timeout = EventLoop.Schedule(
                static (channel, state) => ((EpollSocketChannel)channel).OnConnectTimeout((ConnectAttempt)state),
                this,
                attempt,
                timeout - Stopwatch.GetElapsedTime(attempt.Started));
        }

        ScheduleRetry(attempt);
    }

    private void ScheduleRetry(ConnectAttempt attempt)
    {
        if (attempt.QueueIsFull)
        {
            attempt.Retry = EventLoop.Schedule(
                static (channel, state) => ((EpollSocketChannel)channel).Retry((ConnectAttempt)state), this, attempt, RetryPause);
        }
    }

    private void Retry(ConnectAttempt attempt)
    {
        if (_connecting == attempt)
        {
            Continue(attempt, _socket.Connect(attempt.Remote));
            ScheduleRetry(attempt);
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
        attempt.CancelTimers();
        if (_socket.IsUnix)
        {
            CacheRemoteAddress();
        }
        else
        {
            _remote = NativeSocketAddress.Of(attempt.Remote, _socket.Family);
            _remoteIsKnown = true;
        }

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
            attempt.CancelTimers();
            attempt.Promise.TrySetException(cause);
        }
    }

    /// <summary>The state of a connecting channel only, so that connected channels do not carry it.</summary>
    private sealed class ConnectAttempt(EndPoint remote)
    {
        public Promise Promise { get; } = new();

        public EndPoint Remote { get; } = remote;

        public long Started { get; } = Stopwatch.GetTimestamp();

        public IScheduledTask? Timeout { get; set; }

        public IScheduledTask? Retry { get; set; }

        /// <summary>Whether connect(2) has to be repeated.</summary>
        public bool QueueIsFull { get; set; }

        public void CancelTimers()
        {
            Timeout?.Cancel();
            Retry?.Cancel();
        }
    }
}
