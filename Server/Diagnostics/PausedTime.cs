using System.Diagnostics;

namespace DotNettyFraming.Server.Diagnostics;

/// <summary>For how long connections have been held back, all together, those that are so now included.</summary>
/// <remarks>One loop writes, anybody reads. A lock, and not plain fields: two numbers must fit together, and the packet path does not
/// come here, only a connection that is held back or let go.</remarks>
internal sealed class PausedTime
{
    private readonly Lock _both = new();
    private long _ended;
    private long _paused;

    /// <summary>The sum over connections.</summary>
    public TimeSpan Total
    {
        get
        {
            lock (_both)
            {
                // The pauses' ends less their beginnings, and now for those that have not ended. What overflows on the way comes back.
                return Stopwatch.GetElapsedTime(0, unchecked(_ended + (_paused * Stopwatch.GetTimestamp())));
            }
        }
    }

    /// <summary>A connection is held back (+1), or no longer (−1).</summary>
    public void Change(int change)
    {
        lock (_both)
        {
            _paused += change;
            _ended = unchecked(_ended - (change * Stopwatch.GetTimestamp()));
        }
    }
}
