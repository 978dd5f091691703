using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>What belongs to one event loop: its counters, its share of the work waiting, its connections.</summary>
/// <remarks>Threads: its event loop only, but for <see cref="Drained"/>.</remarks>
internal sealed class LoopState
{
    /// <summary>Beyond it what came since the survey before says little of a second.</summary>
    private static readonly TimeSpan LongestBetweenSurveys = TimeSpan.FromSeconds(3);

    private readonly HashSet<Connection> _connections = [];
    private readonly System.Threading.Tasks.TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Action<Connection>? _stop;
    private long? _surveyedAt;

    private readonly BufferBudget _budget;
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
    }

    /// <summary>The event loop's number, from 0.</summary>
    public int Index { get; }

    /// <summary>What happened on this loop.</summary>
    public LoopCounters Counters { get; }

    /// <summary>Bounds what waits to be processed.</summary>
    public BackPressure BackPressure { get; }

    /// <summary>How many connections there may be; of all loops.</summary>
    public ConnectionLimits Limits { get; }

    /// <summary>Closes those whose peers keep us waiting.</summary>
    public DeadlineSweep Sweep { get; }

    /// <summary>Sweeps on the loop's own timer from now on. Any thread.</summary>
    public void StartSweeps(IEventLoop loop) => loop.Execute(() => ScheduleSweep(loop));

    /// <summary>Sweeps no more.</summary>
    public void StopSweeps()
    {
        _sweepsStopped = true;
        _nextSweep?.Cancel();
    }

    /// <summary>Checks the connections' deadlines, and the memory that they hold.</summary>
    public void RunSweep()
    {
        Sweep.Run(_connections);
        ShedOldest();
    }

    /// <summary>Whether the caller has to run <see cref="ShedOldest"/> on this loop; false while it is queued. Any thread.</summary>
    public bool RequestShedding() => Interlocked.Exchange(ref _shedRequested, 1) == 0;

    /// <summary>Sheds if that is requested, at the end of a read: a task would come behind all reads that are queued.</summary>
    public void ShedIfRequested()
    {
        if (Volatile.Read(ref _shedRequested) != 0)
        {
            ShedOldest();
        }
    }

    /// <summary>Closes the connections that hold memory longest, until this loop's share of the excess is free. Never inside a decoder.</summary>
    public void ShedOldest()
    {
        Volatile.Write(ref _shedRequested, 0);
        if (_budget.ShareToShed(Counters.Bytes.BytesAllocated, out bool mayPass) is > 0 and var share)
        {
            HeldPart[] parts = [.. _connections.Select(connection => connection.HeldPart(Sweep.Observed)).Where(part => part.Bytes > 0)];
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

    /// <summary>Its busiest and its oldest connections: one walk, and a look at <paramref name="most"/> of each kind.</summary>
    /// <remarks>Who is busy is known from the second survey on, and after a break the next one is a first one again.</remarks>
    public PeerSurvey Survey(int most)
    {
        TimeSpan since = _surveyedAt is { } before ? Sweep.Since(before) : TimeSpan.MaxValue;
        bool knowsBusy = since <= LongestBetweenSurveys;
        _surveyedAt = Sweep.Now;
        var busiest = new PriorityQueue<Connection, long>(most);
        var oldest = new PriorityQueue<Connection, long>(most);
        foreach (Connection connection in _connections)
        {
            Offer(oldest, connection, -connection.Source.ConnectionId, most);
            if (knowsBusy && connection.BytesSinceSurvey > 0)
            {
                Offer(busiest, connection, connection.BytesSinceSurvey, most);
            }
        }

        var survey = new PeerSurvey(
            [.. busiest.UnorderedItems.Select(item => item.Element.State(since))], [.. oldest.UnorderedItems.Select(item => item.Element.State(since))]);
        foreach (Connection connection in _connections)
        {
            connection.Surveyed();
        }

        return survey;
    }

    /// <summary>Completes when, after <see cref="BeginDrain"/>, the last connection is closed and its work done.</summary>
    public Task Drained => _drained.Task;

    /// <summary>A connection opened. While the server stops, it is drained or aborted like the others.</summary>
    public void Add(Connection connection)
    {
        _connections.Add(connection);
        _stop?.Invoke(connection);
    }

    /// <summary>A connection is closed, and nothing of it is pending.</summary>
    public void Remove(Connection connection)
    {
        _connections.Remove(connection);
        CheckDrained();
    }

    /// <summary>The server stops: ends each connection gracefully.</summary>
    /// <param name="drain">Ends a connection; also called for those that open later.</param>
    public void BeginDrain(Action<Connection> drain)
    {
        StopAll(drain);
        CheckDrained();
    }

    /// <summary>The drain took too long: drops what is pending, and closes.</summary>
    public void AbortAll() => StopAll(static connection =>
    {
        connection.Abort(CloseReason.ServerStopping);
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
                    loop.Execute(RunSweep); // as a task: the loop logs what it throws
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

    /// <summary>Keeps those of the greatest priorities; the queue gives the least first, which is the one to beat.</summary>
    private static void Offer(PriorityQueue<Connection, long> kept, Connection connection, long priority, int most)
    {
        if (kept.Count < most)
        {
            kept.Enqueue(connection, priority);
        }
        else if (kept.TryPeek(out _, out long least) && priority > least)
        {
            kept.EnqueueDequeue(connection, priority);
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

/// <summary>What one connection holds of the <see cref="BufferBudget"/>. Sorts by the time held, the longest first.</summary>
/// <param name="Connection">The connection.</param>
/// <param name="Since">The sweep's time.</param>
/// <param name="Bytes">As allocated.</param>
internal readonly record struct HeldPart(Connection Connection, long Since, int Bytes) : IComparable<HeldPart>
{
    /// <inheritdoc/>
    /// <remarks>What no sweep has seen yet counts from the last sweep; the connection's number decides then.</remarks>
    public int CompareTo(HeldPart other) =>
        Since != other.Since
            ? Since.CompareTo(other.Since)
            : Connection.Source.ConnectionId.CompareTo(other.Connection.Source.ConnectionId);
}
