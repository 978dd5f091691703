using DotNetty.Common;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>The end of a loop's shutdown. Times are ticks of <see cref="PreciseTimeSpan"/>; the loop's thread only.</summary>
internal sealed class ShutdownPlan(TimeSpan quietPeriod, TimeSpan timeout)
{
    /// <summary>The minimum time-out: closing channels queues tasks, which run first.</summary>
    private static readonly TimeSpan MinTimeout = TimeSpan.FromMilliseconds(100);

    private long _end;
    private long _quiet;

    /// <summary>The time of the next check.</summary>
    public long NextCheck => Math.Min(_quiet, _end);

    public void Start(long now)
    {
        _end = TimerQueue.After(now, timeout > MinTimeout ? timeout : MinTimeout);
        Ran(now);
    }

    /// <summary>Notes that tasks have run.</summary>
    public void Ran(long now) => _quiet = TimerQueue.After(now, quietPeriod);

    /// <summary>Returns whether the time-out has passed.</summary>
    public bool IsOver(long now) => now >= _end;

    /// <summary>Returns whether no task has run for the quiet period.</summary>
    public bool IsQuiet(long now) => now >= _quiet;
}
