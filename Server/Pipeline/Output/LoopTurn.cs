using System.Collections.Concurrent;
using DotNetty.Common.Concurrency;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Pipeline.Output;

/// <summary>The end of a turn of one event loop: publishes appended packets, and flushes each connection with output.</summary>
/// <remarks>
/// The first request of a turn queues one task on the loop, which runs behind the reads of that turn on both transports. Any thread.
/// </remarks>
internal sealed class LoopTurn : IRunnable
{
    private readonly ConcurrentQueue<Connection> _connections = new();
    private int _isQueued;

    /// <summary>The loop's end of the store; null without one.</summary>
    public ILoopSink? Sink { get; init; }

    /// <summary>Flushes a connection at the end of the turn.</summary>
    public void Request(Connection connection)
    {
        _connections.Enqueue(connection);
        Queue(connection);
    }

    /// <summary>Gives a batch to the store, which gets it published at the end of the turn. On the event loop.</summary>
    public void Append(Connection connection, PacketBatch batch)
    {
        Sink!.Append(connection, batch);
        Queue(connection);
    }

    /// <inheritdoc/>
    public void Run()
    {
        Volatile.Write(ref _isQueued, 0); // first: a request after this line queues again
        Sink?.TurnEnd();
        for (int left = _connections.Count; left > 0 && _connections.TryDequeue(out Connection? connection); left--)
        {
            connection.FlushOutput();
        }
    }

    private void Queue(Connection connection)
    {
        if (Interlocked.Exchange(ref _isQueued, 1) == 0)
        {
            try
            {
                connection.EventLoop.Execute(this);
            }
            catch (RejectedExecutionException)
            {
                // The loop has ended, and its connections with it.
            }
        }
    }
}
