using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;
using Promise = DotNetty.Common.Concurrency.TaskCompletionSource;

namespace DotNettyFraming.Transport;

/// <content>
/// Writing. A flush sends what the kernel takes; the rest waits for EPOLLOUT, which is watched only then. The end of output (FIN)
/// queues behind the flushed writes.
/// </content>
public sealed partial class EpollSocketChannel
{
    /// <summary>The exception of all further writes after a write has failed.</summary>
    private ClosedChannelException? _writeFailure;

    /// <summary>The promise of a FIN that waits for the flushed writes.</summary>
    private Promise? _shutdownPromise;

    private bool _outputShutdown;

    /// <summary>Whether <see cref="WriteAndForget"/> is running: writes that reach the transport now get no promise.</summary>
    private bool _forgetting;

    /// <summary>Whether the output is shut down, will be, or the channel is closed. The loop's thread.</summary>
    public bool IsOutputShutdown => _outputShutdown || _shutdownPromise is not null;

    /// <summary>Sends a FIN behind the flushed writes; reading goes on and later writes fail. Any thread.</summary>
    /// <returns>A task that completes with the FIN, and fails if the channel closes before or is not connected.</returns>
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

    /// <summary>Writes through the pipeline without a promise. Any thread; on the loop's thread it allocates nothing.</summary>
    /// <param name="message">The message; its reference is passed on, as in <see cref="IChannel.WriteAsync"/>.</param>
    /// <remarks>
    /// Flush as usual. A failure is not reported: it releases the message, and a socket error closes the channel. A handler that
    /// awaits its own write inside this call sees it complete immediately.
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
        msg as IByteBuffer
        ?? throw new NotSupportedException($"only byte buffers can be written to a socket, not {StringUtil.SimpleClassName(msg)}");

    /// <summary>Sends flushed writes until all are sent, the kernel is full, or the channel's turn is over.</summary>
    protected override void DoWrite(ChannelOutboundBuffer input)
    {
        try
        {
            Write(input);
        }
        catch (Exception e)
        {
            // epoll_ctl failed, or a message was already released. A peer causes no exception here.
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

            // Also with 0, to remove empty buffers. Promises complete in this call, and their continuations may write.
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

    // The channel was never registered, or its loop has terminated.
    private static bool HasNoLoop(Exception e) => e is InvalidOperationException or DotNetty.Common.Concurrency.RejectedExecutionException;

    private void AllWritten()
    {
        Watch(Watched & ~LibC.EPOLLOUT);
        if (_shutdownPromise is not null)
        {
            SendFin();
        }
    }

    /// <summary>Fails all writes; the channel closes once its remaining input has been read.</summary>
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
