using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Limits;

/// <summary>Checks the connections of one event loop at an interval, and closes those whose peers take too long.</summary>
/// <remarks>A timer per connection would cost a cancellation per packet. Threads: its event loop only.</remarks>
internal sealed class DeadlineSweep(PeerDeadlines deadlines, TimeProvider time)
{
    /// <summary>The time between two sweeps. A peer is closed at most two sweeps after its limit, which must be below 0.5 s.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>A longer gap is a stall of the server: a blocked loop, a garbage collection, a suspended process.</summary>
    private static readonly TimeSpan LongestGap = 2 * Interval;

    private readonly List<(ILimitedConnection Connection, CloseReason Reason)> _due = [];
    private long _last = time.GetTimestamp();

    /// <summary>Returns the unread bytes in a channel's socket.</summary>
    public Func<IChannel, int> AvailableBytes { get; init; } = _ => 0;

    /// <summary>The sum of the observed time, ticks. A stall counts as one interval: what peers sent meanwhile has not been read.</summary>
    public long Observed { get; private set; }

    /// <summary>A timestamp.</summary>
    public long Now => time.GetTimestamp();

    /// <summary>Returns the time since a <see cref="Now"/>.</summary>
    public TimeSpan Since(long then) => time.GetElapsedTime(then);

    /// <summary>Checks each connection once.</summary>
    public void Run(IEnumerable<ILimitedConnection> connections)
    {
        long now = Now;
        TimeSpan gap = time.GetElapsedTime(_last, now);
        _last = now;
        long step = (gap > LongestGap ? Interval : gap).Ticks;
        Observed += step;
        foreach (ILimitedConnection connection in connections)
        {
            if (connection.JudgePeer(Observed, step, deadlines) is CloseReason reason)
            {
                _due.Add((connection, reason));
            }
        }

        // Not in the loop above: closing removes connections from the set that it enumerates.
        foreach ((ILimitedConnection connection, CloseReason reason) in _due)
        {
            if (reason == CloseReason.MaxAge)
            {
                connection.Drain(reason);
            }
            else
            {
                connection.Abort(reason);
            }
        }

        _due.Clear();
    }
}
