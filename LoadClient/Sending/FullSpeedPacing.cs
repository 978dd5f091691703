using DotNetty.Common.Concurrency;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>Gives the connections of one event loop their turns: says which of them writes when.</summary>
/// <remarks>Used on its event loop only.</remarks>
internal interface IPacing
{
    /// <summary>A connection begins to send its share.</summary>
    void Started(SendingHandler connection);

    /// <summary>A connection on which a write was stuck can go on.</summary>
    void Ready(SendingHandler connection);

    /// <summary>Nothing that is due at this timestamp or later is to be written any more; what was due before still is.</summary>
    void EndAt(long timestamp);

    /// <summary>Writes of a connection that were due and have not been begun.</summary>
    long Owed(SendingHandler connection);

    /// <summary>A connection has ended: what it owed will never be written.</summary>
    long Ended(SendingHandler connection);
}

/// <summary>
/// No <c>--rate</c>: each connection writes whenever the kernel has room for it, all in turn. A write is due when it begins.
/// </summary>
/// <remarks>
/// One write per turn: a second write to the same socket meets the server just reading the first, and both wait for the socket's lock. Of
/// small writes a turn has four: with 10,000 connections, reaching the next connection in memory costs as much as a small write. Measured:
/// 0.75 to 0.86 of a bare sender's rate with one write per turn, 0.93 to 0.99 with four (10,000 connections).
/// </remarks>
internal sealed class FullSpeedPacing : IPacing, IRunnable
{
    private const int MostWritesPerTurn = 4; // writes of one connection in a turn, where they are small
    private const int SmallTurnBytes = 256; // bytes of a turn up to which writes are small

    /// <summary>Writes before the loop looks at its sockets and other tasks again: a look costs about as much as a write.</summary>
    internal const int WritesPerRun = 64;

    private readonly LoopClock _clock;
    private readonly Action<IRunnable> _execute;
    private readonly int _writesPerTurn;
    private readonly Queue<SendingHandler> _ready = new();
    private bool _queued;

    public FullSpeedPacing(LoopClock clock, Action<IRunnable> execute, int bytesPerWrite)
    {
        _clock = clock;
        _execute = execute;
        _writesPerTurn = Math.Clamp(SmallTurnBytes / bytesPerWrite, 1, MostWritesPerTurn);
    }

    public void Started(SendingHandler connection) => Ready(connection);

    public void Ready(SendingHandler connection)
    {
        _ready.Enqueue(connection);
        Queue();
    }

    public void EndAt(long timestamp)
    {
        // Nothing is due before it is begun, and connections that finish begin nothing.
    }

    public long Owed(SendingHandler connection) => 0;

    public long Ended(SendingHandler connection) => 0;

    /// <summary>Gives as many turns as fit into one task.</summary>
    public void Run()
    {
        _queued = false;
        _clock.Look();
        for (int writes = 0; writes < WritesPerRun && _ready.TryDequeue(out SendingHandler? connection);)
        {
            WriteOutcome outcome;
            int inTurn = 0;
            do
            {
                outcome = connection.TakeTurn(_clock.Now);
                writes++;
            }
            while (outcome == WriteOutcome.Taken && ++inTurn < _writesPerTurn);
            if (outcome is WriteOutcome.Taken or WriteOutcome.Unfinished)
            {
                _ready.Enqueue(connection);
            }
        }

        Queue();
    }

    private void Queue()
    {
        if (!_queued && _ready.Count > 0)
        {
            _queued = true;
            _execute(this);
        }
    }
}
