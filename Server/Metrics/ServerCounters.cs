namespace DotNettyFraming.Server.Metrics;

/// <summary>The counters of all event loops, summed when read.</summary>
/// <remarks>Any thread. A sum is approximate while packets flow, and exact at rest.</remarks>
internal sealed class ServerCounters
{
    private readonly Lock _adding = new();
    private LoopCounters[] _loops = [];

    /// <summary>The event loops' counters.</summary>
    public IReadOnlyList<LoopCounters> Loops => Volatile.Read(ref _loops);

    /// <summary>The counters of the store; null without one.</summary>
    public StoreCounters? Store { get; set; }

    /// <summary>The counters of the forwarder; null without one.</summary>
    public ForwardCounters? Forward { get; set; }

    /// <summary>Connections accepted since start.</summary>
    public long Accepted => this[Counter.ConnectionsAccepted];

    /// <summary>Connections open now.</summary>
    public long Open => Read().Open;

    /// <summary>Connections paused now.</summary>
    public long Paused => this[Counter.ConnectionsPaused];

    /// <summary>The time for which connections have been paused since start, summed over connections.</summary>
    public TimeSpan PausedTime => new(Loops.Sum(loop => loop.PausedTime.Total.Ticks));

    /// <summary>Packets received since start.</summary>
    public long PacketsReceived => this[Counter.PacketsReceived];

    /// <summary>Packets processed since start.</summary>
    public long PacketsProcessed => this[Counter.PacketsProcessed];

    /// <summary>Packets received and not processed, because processing failed or the drain expired.</summary>
    public long PacketsDropped => this[Counter.PacketsDropped];

    /// <summary>Bytes given to the decoders since start.</summary>
    public long BytesReceived => this[Counter.BytesReceived];

    /// <summary>Payload bytes of the packets received since start.</summary>
    public long BytesPayload => this[Counter.BytesPayload];

    /// <summary>Bytes since start that became part of no packet.</summary>
    public long BytesDiscarded => this[Counter.BytesDiscarded];

    /// <summary>Bytes of unfinished packets now.</summary>
    public long BytesUnfinished => this[Counter.BytesUnfinished];

    /// <summary>Memory allocated for unfinished packets now: what <c>--max-buffered</c> bounds.</summary>
    public long BytesAllocated => this[Counter.BytesAllocated];

    /// <summary>Bytes of unfinished packets released since start.</summary>
    public long BytesReleased => this[Counter.BytesReleased];

    /// <summary>The sum of a counter over all loops.</summary>
    public long this[Counter counter] => Loops.Sum(loop => loop[counter]);

    /// <summary>Returns the counters of a new event loop.</summary>
    public LoopCounters AddLoop()
    {
        var added = new LoopCounters();
        lock (_adding)
        {
            _loops = [.. _loops, added];
        }

        return added;
    }

    /// <summary>Returns the number of connections that ended for a reason since start.</summary>
    public long Closed(CloseReason reason) => Loops.Sum(loop => loop.Closed(reason));

    /// <summary>Reads all counters.</summary>
    /// <remarks>Closed first, then the rows from the last to the first, so that no difference is negative.</remarks>
    public CounterReading Read()
    {
        long[] closed = [.. Enum.GetValues<CloseReason>().Select(Closed)];
        long[] counts = new long[CounterTable.Rows.Count];
        for (int i = counts.Length - 1; i >= 0; i--)
        {
            counts[i] = this[(Counter)i];
        }

        return new CounterReading(counts, closed);
    }

    /// <summary>Returns every counter with its name in <c>/api/stats</c>, zeros included.</summary>
    public IEnumerable<KeyValuePair<string, long>> Named() =>
        Read().Named().Concat(Store?.Named() ?? []).Concat(Forward?.Named() ?? []);

    /// <summary>Sums a histogram over the loops, per bucket and in total; null with <c>--admin off</c>.</summary>
    public (long[] Counts, long Sum)? Histogram(Func<BatchRecorder, LoopHistogram> of)
    {
        LoopHistogram[] parts = [.. Loops.Where(loop => loop.Recorder is not null).Select(loop => of(loop.Recorder!))];
        return parts.Length == 0 ? null : (
            [.. parts.Select(part => part.Counts).Aggregate((sum, next) => sum.Zip(next, (a, b) => a + b))],
            parts.Sum(part => part.Sum));
    }
}

/// <summary>All counters at one moment.</summary>
/// <param name="Counts">By <see cref="Counter"/>.</param>
/// <param name="Closed">Connections closed, by <see cref="CloseReason"/>.</param>
internal sealed record CounterReading(long[] Counts, long[] Closed)
{
    private static readonly string[] Reasons = Enum.GetNames<CloseReason>();

    /// <summary>Connections accepted and not closed.</summary>
    public long Open => this[Counter.ConnectionsAccepted] - Closed.Sum();

    /// <summary>Packets received whose processing has not ended.</summary>
    public long PacketsPending => this[Counter.PacketsReceived] - this[Counter.PacketsProcessed] - this[Counter.PacketsDropped];

    /// <summary>The value of a counter.</summary>
    public long this[Counter counter] => Counts[(int)counter];

    /// <summary>Returns every counter with its name in <c>/api/stats</c>, dots for levels; those of one level follow each other.</summary>
    /// <remarks>At rest: <c>packets.received = processed + dropped</c> and <c>bytes.received = header + payload + discarded +
    /// unfinished</c>.</remarks>
    public IEnumerable<KeyValuePair<string, long>> Named()
    {
        yield return new("connections.open", Open);
        foreach (CounterRow row in CounterTable.Rows.Where(row => row.Name is not null))
        {
            if (row.Counter == Counter.PacketsReceived)
            {
                for (int reason = 0; reason < Closed.Length; reason++)
                {
                    yield return new($"connections.closed.{Reasons[reason]}", Closed[reason]);
                }
            }

            yield return new(row.Name!, Counts[(int)row.Counter]);
        }
    }
}
