using DotNetty.Common;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>When a loop that shuts down may end. Times are ticks of <see cref="PreciseTimeSpan"/>; the loop's thread only.</summary>
internal sealed class ShutdownPlan(TimeSpan quietPeriod, TimeSpan timeout)
{
    /// <summary>What a time-out of zero still grants: closing channels queues tasks, and they shall run.</summary>
    private static readonly TimeSpan LeastTimeout = TimeSpan.FromMilliseconds(100);

    private readonly long _quietTicks = PreciseTimeSpan.FromTimeSpan(quietPeriod).Ticks;
    private readonly long _timeoutTicks = PreciseTimeSpan.FromTimeSpan(timeout > LeastTimeout ? timeout : LeastTimeout).Ticks;
    private long _started;
    private long _lastRan;

    /// <summary>The shutdown begins.</summary>
    public void Start(long now) => _started = _lastRan = now;

    /// <summary>Tasks have run.</summary>
    public void Ran(long now) => _lastRan = now;

    /// <summary>Whether its time is over, tasks or not.</summary>
    public bool IsOver(long now) => now - _started >= _timeoutTicks;

    /// <summary>Whether no task has run for the quiet period.</summary>
    public bool IsQuiet(long now) => now - _lastRan >= _quietTicks;

    /// <summary>When to look again at the latest.</summary>
    public long NextLook() => Math.Min(_lastRan + _quietTicks, _started + _timeoutTicks);
}
