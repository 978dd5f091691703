using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;
using Promise = DotNetty.Common.Concurrency.TaskCompletionSource;

namespace DotNettyFraming.Transport;

/// <content>
/// Writing. A flush sends what the kernel takes; the rest waits for EPOLLOUT, which is watched for only then. The
/// end of output (FIN) queues behind what was flushed.
/// </content>
public sealed partial class EpollSocketChannel
{
    /// <summary>Set when writing has failed for good; what is flushed from then on fails with it.</summary>
    private ClosedChannelException? _writeFailure;

    /// <summary>Waits for the flushed writes, then sends the FIN.</summary>
    private Promise? _shutdownPromise;

    private bool _outputShutdown;

    /// <summary><see cref="WriteAndForget"/> is under way, on this thread: writes that reach the transport now carry no promise.</summary>
    private bool _forgetting;

    /// <summary>Whether we have finished sending, or asked to; also when the channel is closed. The loop's thread.</summary>
    public bool IsOutputShutdown => _outputShutdown || _shutdownPromise is not null;

    /// <summary>
    /// Ends sending: when all that was flushed has gone, the peer gets a FIN; reading goes on. Any thread.
    /// </summary>
    /// <returns>Completes when the kernel has taken the FIN; fails when the channel closes before, or is not connected. Writes after this call fail.</returns>
    public Task ShutdownOutputAsync()
    {
        var promise = new Promise();
        try
        {
            if (EventLoop.InEventLoop)
            {
                ShutdownOutput(promise);
            }
            else
            {
                EventLoop.Execute(static (channel, state) => ((EpollSocketChannel)channel).ShutdownOutput((Promise)state), this, promise);
            }
        }
        catch (Exception e) when (HasNoLoop(e))
        {
            promise.TrySetException(e);
        }

        return promise.Task;
    }

    /// <summary>
    /// Writes without a promise: nothing is allocated, and nobody is told. A failure releases the message, and closes
    /// the channel where it is the socket's. Flush as usual. Any thread; free of allocation on the loop's own.
    /// </summary>
    /// <param name="message">What the pipeline takes; its one reference goes with it, as in <see cref="IChannel.WriteAsync"/>.</param>
    /// <remarks>
    /// The message goes through the whole pipeline. A handler that awaits its own write inside this call sees it
    /// complete at once.
    /// </remarks>
    public void WriteAndForget(object message)
    {
        try
        {
            if (!EventLoop.InEventLoop)
            {
                EventLoop.Execute(static (channel, state) => ((EpollSocketChannel)channel).WriteAndForget(state), this, message);
                return;
            }
        }
        catch (Exception e) when (HasNoLoop(e))
        {
            // The message is still ours to release.
            ReferenceCountUtil.Release(message);
            return;
        }

        bool before = _forgetting;
        _forgetting = true;
        try
        {
            _ = Pipeline.WriteAsync(message);
        }
        finally
        {
            _forgetting = before;
        }
    }

    /// <inheritdoc />
    protected override object FilterOutboundMessage(object msg) =>
        msg as IByteBuffer ?? throw new NotSupportedException($"only byte buffers can be written to a socket, not {StringUtil.SimpleClassName(msg)}");

    /// <summary>Sends what was flushed, until all is gone, the kernel is full, or this channel has had its turn.</summary>
    protected override void DoWrite(ChannelOutboundBuffer input)
    {
        try
        {
            Write(input);
        }
        catch (Exception e)
        {
            // A fault of our own: epoll_ctl, or a message that somebody else released. What a peer does is no exception.
            Transport.Fail(e);
        }
    }

    private void Write(ChannelOutboundBuffer input)
    {
        if (_writeFailure is not null || _outputShutdown)
        {
            input.FailFlushed(_writeFailure ?? OutputIsShutDown(), true);
            return;
        }

        if (_lostBy != 0)
        {
            FailWrites(input, _lostBy);
            return;
        }

        GatheringWriter writer = ((EpollEventLoop)EventLoop).Writer;
        for (int turn = _configuration.WriteSpinCount; turn > 0; turn--)
        {
            if (input.IsEmpty)
            {
                AllWritten();
                return;
            }

            nint sent = writer.Send(_socket.Number, input, out nint offered);
            if (sent < 0 && sent != -Errno.EAGAIN)
            {
                FailWrites(input, (int)-sent);
                return;
            }

            // Also when nothing was sent: it drops empty buffers. Promises complete in here, and their continuations may write.
            input.RemoveBytes(Math.Max(sent, 0));
            if (!Open)
            {
                // A promise's continuation closed the channel.
                return;
            }

            if (sent < offered)
            {
                break;
            }
        }

        if (input.IsEmpty)
        {
            AllWritten();
        }
        else
        {
            Watch(Watched | LibC.EPOLLOUT);
        }
    }

    private static ClosedChannelException OutputIsShutDown() => new("output is shut down", innerException: null);

    /// <summary>There is no loop to run on: the channel was never registered, or its loop has terminated.</summary>
    private static bool HasNoLoop(Exception e) => e is InvalidOperationException or DotNetty.Common.Concurrency.RejectedExecutionException;

    private void AllWritten()
    {
        Watch(Watched & ~LibC.EPOLLOUT);
        if (_shutdownPromise is not null)
        {
            SendFin();
        }
    }

    /// <summary>Nothing can be sent any more. The peer may have sent before it went: that is read first, then the channel closes.</summary>
    private void FailWrites(ChannelOutboundBuffer input, int errno)
    {
        _lostBy = errno;
        _writeFailure = new ClosedChannelException("Failed to write", SocketErrors.OfConnection(errno));
        Watch(Watched & ~LibC.EPOLLOUT);
        input.FailFlushed(_writeFailure, true);
        CompleteShutdownOutput(_writeFailure);
        if (Open)
        {
            DrainSoon();
        }
    }

    private void ShutdownOutput(Promise promise)
    {
        if (!Active)
        {
            promise.TrySetException(Open ? new NotYetConnectedException() : new ClosedChannelException());
        }
        else if (_outputShutdown)
        {
            promise.TryComplete();
        }
        else if (_shutdownPromise is not null)
        {
            LinkTo(_shutdownPromise.Task, promise);
        }
        else
        {
            _shutdownPromise = promise;
            if (Unsafe.OutboundBuffer?.IsEmpty ?? true)
            {
                SendFin();
            }
        }
    }

    private void SendFin()
    {
        _outputShutdown = true;
        int result = LibC.Shutdown(_socket.Number, LibC.SHUT_WR);
        CompleteShutdownOutput(result == 0 ? null : ToException(Marshal.GetLastPInvokeError()));
    }

    private void CompleteShutdownOutput(Exception? failure)
    {
        if (_shutdownPromise is not { } promise)
        {
            return;
        }

        _shutdownPromise = null;
        if (failure is null)
        {
            promise.TryComplete();
        }
        else
        {
            promise.TrySetException(failure);
        }
    }

    private static void LinkTo(Task first, Promise second) =>
        first.ContinueWith(
            static (task, state) =>
            {
                if (task.Exception?.InnerException is { } e)
                {
                    ((Promise)state!).TrySetException(e);
                }
                else
                {
                    ((Promise)state!).TryComplete();
                }
            },
            second,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
}
