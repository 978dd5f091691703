namespace DotNettyFraming.Server.Metrics;

/// <summary>What the forwarder did since start.</summary>
/// <remarks>Written by the forwarder; read by any thread.</remarks>
internal sealed class ForwardCounters
{
    private long _packets;
    private long _entries;
    private long _failures;
    private long _memoryUsed;
    private long _memoryLimit;
    private int _isConnected;

    /// <summary>Packets forwarded.</summary>
    public long Packets => Volatile.Read(ref _packets);

    /// <summary>Entries forwarded.</summary>
    public long Entries => Volatile.Read(ref _entries);

    /// <summary>Interruptions: connections lost, errors of Redis, replicas that did not confirm in time.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Whether entries can be appended.</summary>
    public bool IsConnected
    {
        get => Volatile.Read(ref _isConnected) != 0;
        set => Volatile.Write(ref _isConnected, value ? 1 : 0);
    }

    /// <summary>Memory that the stream's server uses, and the most that it may use (0 = no limit), bytes.</summary>
    public (long Used, long Limit) Memory
    {
        get => (Volatile.Read(ref _memoryUsed), Volatile.Read(ref _memoryLimit));
        set
        {
            Volatile.Write(ref _memoryUsed, value.Used);
            Volatile.Write(ref _memoryLimit, value.Limit);
        }
    }

    /// <summary>Bytes of packets that are stored and not forwarded yet.</summary>
    public Func<long> LagBytes { get; set; } = () => 0;

    /// <summary>The time since everything stored was forwarded.</summary>
    public Func<TimeSpan> Lag { get; set; } = () => TimeSpan.Zero;

    /// <summary>Returns the counters with their names in <c>/api/stats</c>.</summary>
    public IEnumerable<KeyValuePair<string, long>> Named() =>
    [
        new("forward.packets", Packets),
        new("forward.entries", Entries),
        new("forward.failures", Failures),
        new("forward.lagBytes", LagBytes()),
    ];

    /// <summary>Counts entries.</summary>
    public void CountEntries(long entries, long packets)
    {
        Volatile.Write(ref _packets, _packets + packets);
        Volatile.Write(ref _entries, _entries + entries);
    }

    /// <summary>Counts a failure.</summary>
    public void CountFailure() => Volatile.Write(ref _failures, _failures + 1);
}
