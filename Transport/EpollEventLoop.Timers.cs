using DotNetty.Common;
using DotNetty.Common.Concurrency;
using DotNettyFraming.Transport.EventLoops;

namespace DotNettyFraming.Transport;

/// <content>
/// Timers. Shutdown cancels those that wait and, in the next round, those scheduled since. After termination scheduling throws
/// <see cref="RejectedExecutionException"/>.
/// </content>
public sealed partial class EpollEventLoop
{
    private readonly TimerQueue _timers = new();

    /// <summary>Whether scheduling is rejected. The loop's thread.</summary>
    private bool _timersClosed;

    /// <inheritdoc />
    public override IScheduledTask Schedule(IRunnable action, TimeSpan delay)
    {
        ArgumentNullException.ThrowIfNull(action);
        return Set(action.Run, delay);
    }

    /// <inheritdoc />
    public override IScheduledTask Schedule(Action action, TimeSpan delay) => Set(action, delay);

    /// <inheritdoc />
    public override IScheduledTask Schedule(Action<object> action, object state, TimeSpan delay) => Set(action, state, delay);

    /// <inheritdoc />
    public override IScheduledTask Schedule(Action<object, object> action, object context, object state, TimeSpan delay) =>
        Set(action!, context, state, delay);

    /// <inheritdoc />
    public override Task ScheduleAsync(Action action, TimeSpan delay, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? Task.FromCanceled(cancellationToken)
            : Completion(Set(action, delay), cancellationToken);

    /// <inheritdoc />
    public override Task ScheduleAsync(Action<object> action, object state, TimeSpan delay, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? Task.FromCanceled(cancellationToken)
            : Completion(Set(action, state, delay), cancellationToken);

    /// <inheritdoc />
    public override Task ScheduleAsync(
        Action<object, object> action, object context, object state, TimeSpan delay, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? Task.FromCanceled(cancellationToken)
            : Completion(Set(action!, context, state, delay), cancellationToken);

    /// <summary>Removes a cancelled timer. Any thread.</summary>
    internal void Forget(LoopTimer timer)
    {
        if (InEventLoop)
        {
            _timers.Remove(timer);
            return;
        }

        try
        {
            Execute(static (queue, cancelled) => ((TimerQueue)queue).Remove((LoopTimer)cancelled), _timers, timer);
        }
        catch (RejectedExecutionException)
        {
            // The loop has terminated, and its timers with it.
        }
    }

    private static Task Completion(LoopTimer timer, CancellationToken token)
    {
        if (token.CanBeCanceled)
        {
            timer.CancelWith(token);
        }

        return timer.Completion;
    }

    private LoopTimer Set(Action action, TimeSpan delay)
    {
        ArgumentNullException.ThrowIfNull(action);
        return Set(static (call, _) => ((Action)call!)(), action, null, delay);
    }

    private LoopTimer Set(Action<object> action, object state, TimeSpan delay)
    {
        ArgumentNullException.ThrowIfNull(action);
        return Set(static (call, argument) => ((Action<object?>)call!)(argument), action, state, delay);
    }

    private LoopTimer Set(Action<object?, object?> action, object? context, object? state, TimeSpan delay)
    {
        ArgumentNullException.ThrowIfNull(action);
        var timer = new LoopTimer(this, action, context, state, TimerQueue.After(PreciseTimeSpan.FromStart.Ticks, delay));
        if (!InEventLoop)
        {
            Execute(static (loop, added) => ((EpollEventLoop)loop).Add((LoopTimer)added), this, timer);
        }
        else if (_timersClosed)
        {
            throw Rejection();
        }
        else
        {
            Add(timer);
        }

        return timer;
    }

    private void Add(LoopTimer timer)
    {
        if (!timer.IsDecided)
        {
            _timers.Add(timer);
        }
    }

    private void CloseTimers()
    {
        _timersClosed = true;
        _timers.CancelAll();
    }
}
