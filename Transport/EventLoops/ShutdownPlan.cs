using DotNetty.Common;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>When a loop that shuts down may end. Times are ticks of <see cref="PreciseTimeSpan"/>; the loop's thread only.</summary>
internal sealed class ShutdownPlan(TimeSpan quietPeriod, TimeSpan timeout)
{
    /// <summary>The least time-out: closing channels queues tasks, and they run first.</summary>
    private static readonly TimeSpan LeastTimeout = TimeSpan.FromMilliseconds(100);

    private long _end;
    private long _quiet;

    /// <summary>When to check again at the latest.</summary>
    public long NextCheck => Math.Min(_quiet, _end);

    /// <summary>Starts the shutdown.</summary>
    public void Start(long now)
    {
        _end = TimerQueue.After(now, timeout > LeastTimeout ? timeout : LeastTimeout);
        Ran(now);
    }

    /// <summary>Notes that tasks have run.</summary>
    public void Ran(long now) => _quiet = TimerQueue.After(now, quietPeriod);

    /// <summary>Whether the time-out has passed, tasks or not.</summary>
    public bool IsOver(long now) => now >= _end;

    /// <summary>Whether no task has run for the quiet period.</summary>
    public bool IsQuiet(long now) => now >= _quiet;
}
