using DotNetty.Common.Concurrency;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>No <c>--rate</c>: each connection writes whenever the kernel has room for it, all in turn.</summary>
/// <remarks>
/// One write a connection and then the next one's turn: a second write to the same socket meets the server just reading the first, and
/// both wait for the socket's lock. Only of small writes a turn has a few: with thousands of connections, fetching what belongs to the
/// next one from memory costs as much as they do (0.75 to 0.86 of a bare sender's rate with one write a turn and 10,000 connections, 0.93
/// to 0.99 with four). A write is due when it is begun.
/// </remarks>
internal sealed class FullSpeedPacing : IPacing, IRunnable
{
    /// <summary>Writes of one connection in a turn, where they are small.</summary>
    private const int MostWritesPerTurn = 4;

    /// <summary>Bytes of a turn up to which writes are small.</summary>
    private const int SmallTurnBytes = 256;

    /// <summary>Writes before the loop looks at its sockets and other tasks again: a look costs about as much as a write.</summary>
    internal const int WritesPerRun = 64;

    private readonly LoopClock _clock;
    private readonly Action<IRunnable> _execute;
    private readonly int _writesPerTurn;
    private readonly Queue<SendingHandler> _ready = new();
    private bool _queued;

    /// <summary>Makes the pacing of one event loop.</summary>
    /// <param name="clock">The loop's clock.</param>
    /// <param name="execute">Runs a task on the loop, soon.</param>
    /// <param name="bytesPerWrite">Bytes of a write, at most.</param>
    public FullSpeedPacing(LoopClock clock, Action<IRunnable> execute, int bytesPerWrite)
    {
        _clock = clock;
        _execute = execute;
        _writesPerTurn = Math.Clamp(SmallTurnBytes / bytesPerWrite, 1, MostWritesPerTurn);
    }

    /// <inheritdoc/>
    public void Started(SendingHandler connection) => Ready(connection);

    /// <inheritdoc/>
    public void Ready(SendingHandler connection)
    {
        _ready.Enqueue(connection);
        Queue();
    }

    /// <inheritdoc/>
    public void EndAt(long timestamp)
    {
        // Nothing is due before it is begun, and connections that finish begin nothing.
    }

    /// <inheritdoc/>
    public long Owed(SendingHandler connection) => 0;

    /// <inheritdoc/>
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
