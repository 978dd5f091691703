namespace DotNettyFraming.Server.Pipeline;

/// <summary>Bounds the bytes that wait to be processed, by holding peers back: reading stops at a mark and goes on below half.</summary>
/// <remarks>
/// Two marks: a connection's own, so that one flooder does not fill the queue of all; and the event loop's, which bounds memory
/// however many connections there are. Counted here, on the loop, before work leaves it: <c>AddLast(executorGroup, …)</c> would
/// queue without bound. TCP does the rest: a peer that is not read from cannot send. Threads: its event loop only.
/// </remarks>
internal sealed class Admission
{
    /// <summary>Bytes of one connection: four full reads, so that a processor always has the next batch at hand.</summary>
    public const long ConnectionMark = 256 * 1024;

    /// <summary>Bytes of all connections of one event loop. One read of each may come on top.</summary>
    public const long LoopMark = 32 * 1024 * 1024;

    private readonly HashSet<Connection> _held = [];
    private long _bytes;
    private bool _full;

    /// <summary>Bytes waiting on this event loop.</summary>
    public long Bytes => _bytes;

    /// <summary>A batch of <paramref name="connection"/> waits from now on.</summary>
    public void Added(Connection connection, int bytes)
    {
        _bytes += bytes;
        _full |= _bytes >= LoopMark;
        if (_full || connection.Pending.Bytes >= ConnectionMark)
        {
            if (_held.Add(connection))
            {
                connection.HoldBack(true);
            }
        }
    }

    /// <summary>A batch of <paramref name="connection"/> waits no longer.</summary>
    public void Removed(Connection connection, int bytes)
    {
        _bytes -= bytes;
        if (_full && _bytes < LoopMark / 2)
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

    private void ReleaseIfBelowHalf(Connection connection)
    {
        if (connection.Pending.Bytes < ConnectionMark / 2 && _held.Remove(connection))
        {
            connection.HoldBack(false);
        }
    }
}
