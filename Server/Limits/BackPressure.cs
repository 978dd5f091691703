namespace DotNettyFraming.Server.Limits;

/// <summary>The causes for which a connection is paused; reading resumes when none is left.</summary>
[Flags]
internal enum PauseCauses : byte
{
    /// <summary>The connection is read.</summary>
    None = 0,

    /// <summary>The connection's own packets wait for the processor.</summary>
    ProcessingBehind = 1,

    /// <summary>Packets of all connections of the event loop wait for the processor.</summary>
    LoopBehind = 2,

    /// <summary>The client's certificates are being verified.</summary>
    Verification = 4,

    /// <summary>The peer does not read its replies.</summary>
    RepliesUnread = 8,

    /// <summary>The store cannot write for now: there is no room.</summary>
    StoreBehind = 16,
}

/// <summary>Pauses reading while too many packets of one event loop wait for the processor.</summary>
/// <remarks>
/// Reading pauses at a mark and resumes below half of it. The mark of a connection keeps one flooder from filling the loop's queue. The
/// mark of the loop bounds memory for any number of connections: at it, all of them pause. Pausing takes no system call, because the
/// transport checks a flag before it receives. Threads: its event loop only.
/// </remarks>
/// <param name="connections">The open connections of the event loop.</param>
/// <param name="loopMark">The loop's mark, bytes. The read that passes it is not part of it.</param>
internal sealed class BackPressure(IEnumerable<ILimitedConnection> connections, long loopMark)
{
    /// <summary>The largest mark of a connection: four full reads, so that a processor always has the next batch.</summary>
    public const long MaxConnectionMark = 256 * 1024;

    /// <summary>The largest mark of an event loop; less if memory is short (<c>ServerOptions.MaxPendingBytes</c>).</summary>
    public const long MaxLoopMark = 32 * 1024 * 1024;

    /// <summary>The memory of a batch's objects: copy, task, queue entry. Measured: 434 (packets of 7 bytes, one per read).</summary>
    public const int BatchBytes = 512;

    /// <summary>The memory of a batch in the store's buffer, without its bytes: queue entry and index.</summary>
    public const int AppendedBatchBytes = 96;

    private readonly long _connectionMark = Math.Min(MaxConnectionMark, loopMark / 4);
    private bool _full;

    /// <summary>The memory of all waiting batches of this event loop.</summary>
    public long Cost { get; private set; }

    /// <summary>Pauses a new connection while the loop is full.</summary>
    public void Opened(ILimitedConnection connection)
    {
        if (_full)
        {
            connection.Pause(PauseCauses.LoopBehind);
        }
    }

    /// <summary>Adds a waiting batch of <paramref name="connection"/>.</summary>
    public void Added(ILimitedConnection connection, int cost)
    {
        Cost += cost;
        if (connection.PendingCost >= _connectionMark)
        {
            connection.Pause(PauseCauses.ProcessingBehind);
        }

        if (!_full && Cost >= loopMark)
        {
            _full = true;
            foreach (ILimitedConnection each in connections)
            {
                each.Pause(PauseCauses.LoopBehind);
            }
        }
    }

    /// <summary>Removes waiting batches of <paramref name="connection"/>.</summary>
    public void Removed(ILimitedConnection connection, long cost)
    {
        Cost -= cost;
        if (connection.PendingCost < _connectionMark / 2)
        {
            connection.Resume(PauseCauses.ProcessingBehind);
        }

        if (_full && Cost < loopMark / 2)
        {
            _full = false;
            foreach (ILimitedConnection each in connections) // a read that fails may close one; a set allows removal while it is enumerated
            {
                each.Resume(PauseCauses.LoopBehind);
            }
        }
    }
}
