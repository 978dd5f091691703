using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Limits;

/// <summary>Checks one event loop's connections at an interval, and closes those whose peers take too long.</summary>
/// <remarks>
/// A timer per connection would cost a cancellation per packet; DotNetty's is linear in their number. Threads: its event loop only.
/// </remarks>
internal sealed class DeadlineSweep(PeerDeadlines deadlines, TimeProvider time)
{
    /// <summary>Between two sweeps. A peer is closed at most two of them after its limit, which must be less than half a second.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>A longer gap between two sweeps is a stall of the server: a blocked loop, a collection, a suspended process.</summary>
    private static readonly TimeSpan LongestGap = 2 * Interval;

    private readonly List<(ILimitedConnection Connection, CloseReason Reason)> _due = [];
    private long _last = time.GetTimestamp();

    /// <summary>How many bytes lie unread in a channel's socket.</summary>
    public Func<IChannel, int> AvailableBytes { get; init; } = _ => 0;

    /// <summary>
    /// The time for which peers were looked at, in ticks; it advances in sweeps. A stall counts as one interval, because what peers sent
    /// meanwhile has not been read.
    /// </summary>
    public long Observed { get; private set; }

    /// <summary>A timestamp.</summary>
    public long Now => time.GetTimestamp();

    /// <summary>How long ago a <see cref="Now"/> was.</summary>
    public TimeSpan Since(long then) => time.GetElapsedTime(then);

    /// <summary>Looks at each connection once.</summary>
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

        // Not on the way: closing removes connections from the set that is enumerated.
        foreach ((ILimitedConnection connection, CloseReason reason) in _due)
        {
            connection.Abort(reason);
        }

        _due.Clear();
    }
}
