using System.Runtime.CompilerServices;
using DotNetty.Common;
using DotNetty.Common.Concurrency;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>A scheduled call of an event loop. Any thread may cancel it.</summary>
internal sealed class LoopTimer(EpollEventLoop loop, Action<object?, object?> action, object? context, object? state, long due)
    : IScheduledTask, IRunnable
{
    private readonly System.Threading.Tasks.TaskCompletionSource _promise = new(state);
    private CancellationTokenRegistration _cancellation;
    private int _decided;

    /// <summary>The index in the loop's <see cref="TimerQueue"/>; −1 = not in it.</summary>
    public int Index { get; set; } = -1;

    /// <summary>The due time in ticks of <see cref="PreciseTimeSpan"/>.</summary>
    public long Due => due;

    /// <summary>Whether the call has run, runs, or was cancelled.</summary>
    public bool IsDecided => Volatile.Read(ref _decided) != 0;

    public PreciseTimeSpan Deadline => PreciseTimeSpan.FromTicks(due);

    public Task Completion => _promise.Task;

    public TaskAwaiter GetAwaiter() => Completion.GetAwaiter();

    /// <summary>Cancels the call with a token.</summary>
    public void CancelWith(CancellationToken token)
    {
        _cancellation = token.UnsafeRegister(static timer => ((LoopTimer)timer!).Cancel(), this);
        Interlocked.MemoryBarrier();
        if (IsDecided)
        {
            // Decided before the field was set, so Decide() could not unregister.
            _cancellation.Unregister();
        }
    }

    public bool Cancel()
    {
        if (!Decide())
        {
            return false;
        }

        loop.Forget(this);
        _promise.TrySetCanceled();
        return true;
    }

    /// <summary>Runs the call unless it was cancelled. The loop's thread.</summary>
    public void Run()
    {
        if (!Decide())
        {
            return;
        }

        try
        {
            action(context, state);
            _promise.TrySetResult();
        }
        catch (Exception e)
        {
            _promise.TrySetException(e);
        }
    }

    private bool Decide()
    {
        if (Interlocked.Exchange(ref _decided, 1) != 0)
        {
            return false;
        }

        _cancellation.Unregister();
        return true;
    }
}
