namespace DotNettyFraming.Server.Limits;

/// <summary>Why the server does not read a connection; it reads again when no cause is left.</summary>
[Flags]
internal enum PauseCauses : byte
{
    /// <summary>It is being read.</summary>
    None = 0,

    /// <summary>The connection's own packets wait for the processor.</summary>
    ProcessingBehind = 1,

    /// <summary>Packets of all connections of the event loop wait for the processor.</summary>
    LoopBehind = 2,

    /// <summary>The client's certificates are being verified.</summary>
    Verification = 4,
}

/// <summary>Bounds what waits to be processed on one event loop: reading pauses at a mark and resumes below half of it.</summary>
/// <remarks>
/// Two marks. The connection's own keeps one flooder from filling the loop's queue. The loop's bounds memory for any number of connections:
/// at it, all of them pause. Pausing 10,000 connections takes no system call, as the transport checks the flag before it receives.
/// Work is counted on the loop before it leaves: <c>AddLast(executorGroup, …)</c> would queue without bound. Threads: its event loop only.
/// </remarks>
/// <param name="connections">The open connections of the event loop.</param>
/// <param name="loopMark">The loop's mark, bytes. The read that passes it comes on top.</param>
internal sealed class BackPressure(IEnumerable<ILimitedConnection> connections, long loopMark)
{
    /// <summary>The largest mark of a connection, bytes: four full reads, so that a processor always has the next batch.</summary>
    public const long MaxConnectionMark = 256 * 1024;

    /// <summary>The largest mark of an event loop, bytes; less where memory is short (<c>ServerOptions.MaxPendingBytes</c>).</summary>
    public const long MaxLoopMark = 32 * 1024 * 1024;

    /// <summary>Bytes of a batch's objects: copy, task, queue entry. Measured: 434 (packets of 7 bytes that come one by one).</summary>
    public const int BatchBytes = 512;

    private readonly long _connectionMark = Math.Min(MaxConnectionMark, loopMark / 4);
    private bool _full;

    /// <summary>Bytes that wait on this event loop, as allocated.</summary>
    public long Cost { get; private set; }

    /// <summary>A connection opened: while the loop is full, it is not read even once.</summary>
    public void Opened(ILimitedConnection connection)
    {
        if (_full)
        {
            connection.Pause(PauseCauses.LoopBehind);
        }
    }

    /// <summary>A batch of <paramref name="connection"/> waits from now on.</summary>
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

    /// <summary>Batches of <paramref name="connection"/> wait no longer.</summary>
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
            foreach (ILimitedConnection each in connections) // a read that fails may close one; a set allows removal meanwhile
            {
                each.Resume(PauseCauses.LoopBehind);
            }
        }
    }
}
