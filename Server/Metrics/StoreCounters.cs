namespace DotNettyFraming.Server.Metrics;

/// <summary>What the store did since start.</summary>
/// <remarks>Written by the store's writer; read by any thread.</remarks>
internal sealed class StoreCounters
{
    private long _packets;
    private long _bytes;
    private long _commits;
    private long _failures;
    private long _diskBytes;
    private long _commitTicks;
    private string? _waitsFor;

    /// <summary>Packets committed.</summary>
    public long Packets => Volatile.Read(ref _packets);

    /// <summary>Bytes of the packets committed.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Commits.</summary>
    public long Commits => Volatile.Read(ref _commits);

    /// <summary>Commits and checkpoints that failed, those for lack of space included.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Bytes that the store takes on the disk.</summary>
    public long DiskBytes
    {
        get => Volatile.Read(ref _diskBytes);
        set => Volatile.Write(ref _diskBytes, value);
    }

    /// <summary>Why the store cannot write for the moment; null if it can.</summary>
    public string? WaitsFor
    {
        get => Volatile.Read(ref _waitsFor);
        set => Volatile.Write(ref _waitsFor, value);
    }

    /// <summary>Bytes of packets that are not durable yet.</summary>
    public Func<long> PendingBytes { get; set; } = () => 0;

    /// <summary>The time since the oldest packet was read that is not durable yet; zero if there is none.</summary>
    public Func<TimeSpan> PendingAge { get; set; } = () => TimeSpan.Zero;

    /// <summary>The time that all commits took.</summary>
    public TimeSpan CommitTime => new(Volatile.Read(ref _commitTicks));

    /// <summary>Returns the counters with their names in <c>/api/stats</c>.</summary>
    public IEnumerable<KeyValuePair<string, long>> Named() =>
    [
        new("store.packets", Packets),
        new("store.bytes", Bytes),
        new("store.commits", Commits),
        new("store.failures", Failures),
        new("store.pendingBytes", PendingBytes()),
    ];

    /// <summary>Counts a commit.</summary>
    public void CountCommit(long packets, long bytes, TimeSpan took)
    {
        Volatile.Write(ref _packets, _packets + packets);
        Volatile.Write(ref _bytes, _bytes + bytes);
        Volatile.Write(ref _commits, _commits + 1);
        Volatile.Write(ref _commitTicks, _commitTicks + took.Ticks);
    }

    /// <summary>Counts a failure.</summary>
    public void CountFailure() => Volatile.Write(ref _failures, _failures + 1);
}
