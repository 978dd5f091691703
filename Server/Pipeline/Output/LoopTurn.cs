using System.Collections.Concurrent;
using DotNetty.Common.Concurrency;

namespace DotNettyFraming.Server.Pipeline.Output;

/// <summary>The end of a turn of one event loop: flushes each connection that has output, once. Any thread.</summary>
/// <remarks>The first request of a turn queues one task on the loop, which runs behind the reads of that turn on both transports.</remarks>
internal sealed class LoopTurn : IRunnable
{
    private readonly ConcurrentQueue<Connection> _connections = new();
    private int _isQueued;

    /// <summary>Flushes a connection at the end of the turn.</summary>
    public void Request(Connection connection)
    {
        _connections.Enqueue(connection);
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

    /// <inheritdoc/>
    public void Run()
    {
        Volatile.Write(ref _isQueued, 0); // first: a request after this line queues again
        for (int left = _connections.Count; left > 0 && _connections.TryDequeue(out Connection? connection); left--)
        {
            connection.FlushOutput();
        }
    }
}
