using DotNetty.Common.Concurrency;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>The order in which the connections of one event loop write. Used on that loop only.</summary>
internal interface IPacing
{
    /// <summary>Adds a connection that starts to send its share.</summary>
    void Started(SendingHandler connection);

    /// <summary>Continues a connection after its pending write is complete, or after it was made again.</summary>
    void Ready(SendingHandler connection);

    /// <summary>Ends the schedule: only writes that are due before this timestamp are still made.</summary>
    void EndAt(long timestamp);

    /// <summary>Returns how many writes of a connection are due and not started.</summary>
    long Owed(SendingHandler connection);

    /// <summary>Removes a connection that has ended, and returns how many writes it owed.</summary>
    long Ended(SendingHandler connection);
}

/// <summary>Full speed, without <c>--rate</c>: each connection writes when the kernel has room, in turn.</summary>
/// <remarks>
/// A turn is one write: a second write to the same socket would contend with the server's read of the first for the socket's lock. A turn
/// of small writes is four, as reaching the next of 10,000 connections in memory costs as much as a small write. Measured: 0.75 to 0.86
/// of a bare sender's rate with one write per turn, 0.93 to 0.99 with four (10,000 connections).
/// </remarks>
internal sealed class FullSpeedPacing : IPacing, IRunnable
{
    private const int MaxWritesPerTurn = 4;
    private const int SmallTurnBytes = 256; // the maximum bytes of a turn with several writes

    /// <summary>The writes before the loop polls its sockets and tasks again; a poll costs about as much as a write.</summary>
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
        _writesPerTurn = Math.Clamp(SmallTurnBytes / bytesPerWrite, 1, MaxWritesPerTurn);
    }

    public void Started(SendingHandler connection) => Ready(connection);

    public void Ready(SendingHandler connection)
    {
        _ready.Enqueue(connection);
        Queue();
    }

    public void EndAt(long timestamp)
    {
        // A write is due when it starts, and connections that finish start none.
    }

    public long Owed(SendingHandler connection) => 0;

    public long Ended(SendingHandler connection) => 0;

    public void Run()
    {
        _queued = false;
        _clock.Read();
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
