using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>Goes through one event loop's connections at an interval, and closes those whose peers keep us waiting for too long.</summary>
/// <remarks>A timer for each connection would cost a cancellation for each packet; DotNetty's is linear in their number. Threads: its
/// event loop only.</remarks>
internal sealed class DeadlineSweep
{
    /// <summary>
    /// Between two sweeps. A peer is closed at most two of them after its limit (<see cref="PeerPatience"/>), and that has to be less than
    /// half a second on a busy machine too.
    /// </summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>How long a connection that reads no more may stay open for what of it is still being processed.</summary>
    public static readonly TimeSpan OrderlyClose = TimeSpan.FromSeconds(30);

    private readonly TimeProvider _time;
    private readonly long _idleLimit;
    private readonly long _packetLimit;
    private readonly List<(Connection Connection, CloseReason Reason)> _due = [];
    private long _last;

    public DeadlineSweep(PeerDeadlines deadlines, TimeProvider time)
    {
        _time = time;
        _idleLimit = InTimestamps(deadlines.Idle);
        _packetLimit = InTimestamps(deadlines.Packet);
        OrderlyCloseLimit = InTimestamps(OrderlyClose);
        _last = time.GetTimestamp();
    }

    /// <summary><see cref="OrderlyClose"/> in timestamps.</summary>
    public long OrderlyCloseLimit { get; }

    /// <summary>The time of now, as <see cref="PeerPatience"/> counts it.</summary>
    public long Now => _time.GetTimestamp();

    /// <summary>How long ago a <see cref="Now"/> was.</summary>
    public TimeSpan Since(long then) => _time.GetElapsedTime(then);

    /// <summary>Looks at each connection once.</summary>
    public void Run(IEnumerable<Connection> connections)
    {
        long now = Now;
        long sinceLast = now - _last;
        _last = now;
        foreach (Connection connection in connections)
        {
            if (connection.JudgePeer(now, sinceLast, _idleLimit, _packetLimit) is CloseReason reason)
            {
                _due.Add((connection, reason));
            }
        }

        // Not on the way: closing takes connections out of the set that is gone through.
        foreach ((Connection connection, CloseReason reason) in _due)
        {
            connection.Abort(reason);
        }

        _due.Clear();
    }

    private long InTimestamps(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);
}
