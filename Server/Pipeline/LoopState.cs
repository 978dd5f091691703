using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline.Output;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>The state of one event loop: its connections, counters and limits. Threads: its event loop, if not stated otherwise.</summary>
internal sealed class LoopState
{
    private readonly HashSet<Connection> _connections = [];
    private readonly Dictionary<long, Connection> _awaitsForwarding = [];
    private readonly System.Threading.Tasks.TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly BufferBudget _budget;
    private Action<Connection>? _stop;
    private int _shedRequested;
    private IScheduledTask? _nextSweep;
    private bool _sweepsStopped;

    public LoopState(int index, LoopCounters counters, ConnectionLimits limits, DeadlineSweep sweep, BufferBudget budget,
        long maxPendingBytes = BackPressure.MaxLoopMark)
    {
        _budget = budget;
        counters.Bytes.AllocationChanged = CountMemory;
        Index = index;
        Counters = counters;
        Limits = limits;
        Sweep = sweep;
        BackPressure = new BackPressure(_connections, maxPendingBytes);
        Survey = new ConnectionSurvey(_connections, sweep);
    }

    /// <summary>The number of the event loop, from 0.</summary>
    public int Index { get; }

    /// <summary>The counters of the loop.</summary>
    public LoopCounters Counters { get; }

    /// <summary>The bound on waiting packets.</summary>
    public BackPressure BackPressure { get; }

    /// <summary>The limits on connections, shared by all loops.</summary>
    public ConnectionLimits Limits { get; }

    /// <summary>The check of deadlines.</summary>
    public DeadlineSweep Sweep { get; }

    /// <summary>The survey for the live page.</summary>
    public ConnectionSurvey Survey { get; }

    /// <summary>The bound on unread replies.</summary>
    public UnreadReplies UnreadReplies { get; } = new();

    /// <summary>The end of the loop's turn, in which output is flushed.</summary>
    public LoopTurn Turn { get; init; } = new();

    /// <summary>Whether the store cannot write for now.</summary>
    public bool StoreWaits { get; private set; }

    /// <summary>The acknowledgements; null if off.</summary>
    public Acknowledger? Acknowledger { get; init; }

    /// <summary>The calls on sockets that the transport offers.</summary>
    public SocketCalls Sockets { get; init; } = SocketCalls.None;

    /// <summary>Pauses all connections while the store cannot write, and resumes them.</summary>
    public void SetStoreWaits(bool waits)
    {
        StoreWaits = waits;
        foreach (Connection connection in _connections) // a read that fails may close one; a set allows removal while it is enumerated
        {
            if (waits)
            {
                connection.Pause(PauseCauses.StoreBehind);
            }
            else
            {
                connection.Resume(PauseCauses.StoreBehind);
            }
        }
    }

    /// <summary>Moves this loop's connections to where their packets are forwarded; ignores other loops' and earlier runs'.</summary>
    public void Forwarded(IReadOnlyList<(long Connection, long End)> ends)
    {
        foreach ((long id, long end) in ends)
        {
            if (_awaitsForwarding.TryGetValue(id, out Connection? connection))
            {
                connection.Forwarded(end);
            }
        }
    }

    /// <summary>Starts sweeps on the loop's own timer. Any thread.</summary>
    public void StartSweeps(IEventLoop loop) => loop.Execute(() => ScheduleSweep(loop));

    /// <summary>Stops the timers of the loop.</summary>
    public void StopTimers()
    {
        _sweepsStopped = true;
        _nextSweep?.Cancel();
        Acknowledger?.Stop();
    }

    /// <summary>Checks the deadlines of the connections, and the memory that they hold.</summary>
    public void RunSweep()
    {
        Sweep.Run(_connections);
        ShedOldest();
    }

    /// <summary>Returns whether the caller must queue <see cref="ShedOldest"/> on this loop. Any thread.</summary>
    public bool RequestShedding() => Interlocked.Exchange(ref _shedRequested, 1) == 0;

    /// <summary>Sheds if requested, at the end of a read: a task would run behind all reads of this loop turn.</summary>
    public void ShedIfRequested()
    {
        if (Volatile.Read(ref _shedRequested) != 0)
        {
            ShedOldest();
        }
    }

    /// <summary>Closes the connections that hold memory longest, until the loop's share is free. Never inside a decoder.</summary>
    public void ShedOldest()
    {
        Volatile.Write(ref _shedRequested, 0);
        if (_budget.ShareToShed(Counters.Bytes.BytesAllocated, out bool mayPass) is > 0 and var share)
        {
            HeldPart[] parts =
                [.. _connections.Select(connection => connection.HeldPart(Sweep.Observed)).Where(part => part.Bytes > 0)];
            Array.Sort(parts);
            long shed = 0;
            foreach (HeldPart part in parts)
            {
                if (shed >= share || (shed + part.Bytes > share && !mayPass))
                {
                    break;
                }

                part.Connection.Shed();
                shed += part.Bytes;
            }

            _budget.CollectAfterShedding(shed);
        }
    }

    /// <summary>Completes after <see cref="StartDrain"/> when the last connection is closed and its packets are done. Any thread.</summary>
    public Task Drained => _drained.Task;

    /// <summary>Adds a connection. While the server stops, it is drained or aborted like the others.</summary>
    public void Add(Connection connection)
    {
        _connections.Add(connection);
        if (Acknowledger is { Level: AckLevel.Forwarded })
        {
            _awaitsForwarding.Add(connection.Source.ConnectionId, connection);
        }

        UnreadReplies.Connections = _connections.Count;
        _stop?.Invoke(connection);
    }

    /// <summary>Removes a closed connection without pending packets.</summary>
    public void Remove(Connection connection)
    {
        _connections.Remove(connection);
        _awaitsForwarding.Remove(connection.Source.ConnectionId);
        UnreadReplies.Connections = _connections.Count;
        CheckDrained();
    }

    /// <summary>Ends each connection gracefully, also those that open later.</summary>
    public void StartDrain()
    {
        StopAll(static connection => connection.Drain(CloseReason.ServerStopping));
        CheckDrained();
    }

    /// <summary>Closes each connection and drops what is pending: the drain took too long, or the store failed.</summary>
    public void AbortAll(CloseReason reason) => StopAll(connection =>
    {
        connection.Abort(reason);
        connection.Pending.Abandon();
    });

    private void StopAll(Action<Connection> stop)
    {
        _stop = stop;
        foreach (Connection connection in _connections.ToArray())
        {
            stop(connection);
        }
    }

    private void ScheduleSweep(IEventLoop loop)
    {
        if (!_sweepsStopped)
        {
            _nextSweep = loop.Schedule(
                () =>
                {
                    ScheduleSweep(loop);
                    loop.Execute(RunSweep); // as a task: the loop logs its exceptions
                },
                DeadlineSweep.Interval);
        }
    }

    private void CountMemory(int change)
    {
        if (change > 0)
        {
            _budget.Take(change);
        }
        else
        {
            _budget.GiveBack(-change);
        }
    }

    private void CheckDrained()
    {
        if (_stop is not null && _connections.Count == 0)
        {
            _drained.TrySetResult();
        }
    }
}

/// <summary>The memory that one connection holds of the <see cref="BufferBudget"/>, since when. Sorts by that time.</summary>
internal readonly record struct HeldPart(Connection Connection, long Since, int Bytes) : IComparable<HeldPart>
{
    /// <remarks>Memory that no sweep has seen yet counts from the last sweep; then the older connection comes first.</remarks>
    public int CompareTo(HeldPart other) =>
        Since != other.Since
            ? Since.CompareTo(other.Since)
            : Connection.Source.ConnectionId.CompareTo(other.Connection.Source.ConnectionId);
}
