using DotNetty.Common.Concurrency;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>No <c>--rate</c>: each connection writes whenever the kernel has room for it, all in turn.</summary>
/// <remarks>
/// One write a connection and then the next one's turn: a second write to the same socket meets the server just reading the first, and
/// both wait for the socket's lock. A write is due when it is begun.
/// </remarks>
internal sealed class FullSpeedPacing(LoopClock clock, Action<IRunnable> execute) : IPacing, IRunnable
{
    /// <summary>Writes before the loop looks at its sockets and other tasks again: a look costs about as much as a write.</summary>
    internal const int WritesPerRun = 64;

    private readonly Queue<SendingHandler> _ready = new();
    private bool _queued;

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
        clock.Look();
        for (int writes = 0; writes < WritesPerRun && _ready.TryDequeue(out SendingHandler? connection); writes++)
        {
            if (connection.TakeTurn(clock.Now) is WriteOutcome.Taken or WriteOutcome.Unfinished)
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
            execute(this);
        }
    }
}
