using DotNettyFraming.Server.Diagnostics;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>What belongs to one event loop: its counters, its share of the work waiting, its connections.</summary>
/// <remarks>Threads: its event loop only, but for <see cref="Drained"/>.</remarks>
internal sealed class LoopState
{
    private readonly HashSet<Connection> _connections = [];
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Action<Connection>? _drain;

    public LoopState(int index, LoopCounters counters)
    {
        Index = index;
        Counters = counters;
    }

    /// <summary>The event loop's number, from 0.</summary>
    public int Index { get; }

    /// <summary>What happened on this loop.</summary>
    public LoopCounters Counters { get; }

    /// <summary>Bounds what waits to be processed.</summary>
    public Admission Admission { get; } = new();

    /// <summary>Completes when, after <see cref="BeginDrain"/>, the last connection is closed and its work done.</summary>
    public Task Drained => _drained.Task;

    /// <summary>A connection opened. One that comes while the server stops is drained at once.</summary>
    public void Add(Connection connection)
    {
        _connections.Add(connection);
        _drain?.Invoke(connection);
    }

    /// <summary>A connection is closed, and nothing of it is pending.</summary>
    public void Remove(Connection connection)
    {
        _connections.Remove(connection);
        CheckDrained();
    }

    /// <summary>The server stops: ends each connection in order.</summary>
    /// <param name="drain">What to do with a connection, also with those that were accepted just now.</param>
    public void BeginDrain(Action<Connection> drain)
    {
        _drain = drain;
        foreach (Connection connection in _connections.ToArray())
        {
            drain(connection);
        }

        CheckDrained();
    }

    /// <summary>The drain took too long: drops what is pending, and closes.</summary>
    /// <returns>How many connections were left.</returns>
    public int AbortAll()
    {
        Connection[] left = [.. _connections];
        foreach (Connection connection in left)
        {
            connection.Abort(CloseReason.ServerStopping);
            connection.Pending.Drop();
        }

        return left.Length;
    }

    private void CheckDrained()
    {
        if (_drain is not null && _connections.Count == 0)
        {
            _drained.TrySetResult();
        }
    }
}
