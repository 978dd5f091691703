namespace DotNettyFraming.Server.Pipeline;

/// <summary>Bounds what waits to be processed, by holding peers back: reading stops at a mark and goes on below half.</summary>
/// <remarks>
/// Two marks: a connection's own, so that one flooder does not fill the queue of all; and the event loop's, which bounds memory
/// however many connections there are. Counted here, on the loop, before work leaves it: <c>AddLast(executorGroup, …)</c> would
/// queue without bound. TCP does the rest: a peer that is not read from cannot send. Threads: its event loop only.
/// </remarks>
internal sealed class Admission
{
    /// <summary>Bytes of one connection: four full reads, so that a processor always has the next batch at hand.</summary>
    public const long ConnectionMark = 256 * 1024;

    /// <summary>Bytes of all connections of one event loop. The read that passes it comes on top.</summary>
    public const long LoopMark = 32 * 1024 * 1024;

    /// <summary>Bytes that a batch takes beside its packets: the copy's objects, the task, the entry in the queue. Without it,
    /// packets of 7 bytes that come one by one would take sixty times what is counted (measured: 434 bytes each).</summary>
    public const int BatchCost = 512;

    private readonly HashSet<Connection> _held = [];
    private bool _full;

    /// <summary>Bytes waiting on this event loop.</summary>
    public long Cost { get; private set; }

    /// <summary>A connection opened: while the loop is full it is not read from, not even once.</summary>
    public void Joined(Connection connection)
    {
        if (_full)
        {
            Hold(connection);
        }
    }

    /// <summary>A connection closed; what of it is pending still counts.</summary>
    public void Left(Connection connection) => Release(connection);

    /// <summary>A batch of <paramref name="connection"/> waits from now on.</summary>
    public void Added(Connection connection, int cost)
    {
        Cost += cost;
        _full |= Cost >= LoopMark;
        if (_full || connection.Pending.Cost >= ConnectionMark)
        {
            Hold(connection);
        }
    }

    /// <summary>A batch of <paramref name="connection"/> waits no longer.</summary>
    public void Removed(Connection connection, int cost)
    {
        Cost -= cost;
        if (_full && Cost < LoopMark / 2)
        {
            _full = false;
            foreach (Connection held in _held.ToArray())
            {
                ReleaseIfBelowHalf(held);
            }
        }
        else if (!_full)
        {
            ReleaseIfBelowHalf(connection);
        }
    }

    private void Hold(Connection connection)
    {
        if (!connection.InputEnded && _held.Add(connection))
        {
            connection.HoldBack(true);
        }
    }

    private void ReleaseIfBelowHalf(Connection connection)
    {
        if (connection.Pending.Cost < ConnectionMark / 2)
        {
            Release(connection);
        }
    }

    private void Release(Connection connection)
    {
        if (_held.Remove(connection))
        {
            connection.HoldBack(false);
        }
    }
}
