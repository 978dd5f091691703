namespace DotNettyFraming.Server.Diagnostics;

/// <summary>The counters of all event loops, summed when read.</summary>
/// <remarks>Any thread. While packets flow a sum is a moment's view; at rest it is exact.</remarks>
internal sealed class ServerCounters
{
    private readonly Lock _adding = new();
    private LoopCounters[] _loops = [];

    /// <summary>The counters of a new event loop.</summary>
    public LoopCounters AddLoop()
    {
        var added = new LoopCounters();
        lock (_adding)
        {
            _loops = [.. _loops, added];
        }

        return added;
    }

    /// <summary>The event loops' counters.</summary>
    public IReadOnlyList<LoopCounters> Loops => Volatile.Read(ref _loops);

    /// <summary>Connections accepted since start.</summary>
    public long Accepted => Sum(static loop => loop.Accepted);

    /// <summary>Connections open now.</summary>
    public long Open => Connections.Open;

    /// <summary>Connections at one moment: <c>open + all of closed = accepted</c>, whatever happens meanwhile.</summary>
    /// <remarks>Closed is read first, so that a connection that ends meanwhile cannot make open negative.</remarks>
    public ConnectionCounts Connections
    {
        get
        {
            long[] closed = [.. Enum.GetValues<CloseReason>().Select(Closed)];
            return new ConnectionCounts(Accepted, closed);
        }
    }

    /// <summary>Connections held back now.</summary>
    public long Paused => Sum(static loop => loop.Paused);

    /// <summary>For how long connections have been held back since start, summed over them.</summary>
    public TimeSpan PausedTime => new(Sum(static loop => loop.PausedTime.Total.Ticks));

    /// <summary>Packets found whole since start.</summary>
    public long PacketsReceived => Sum(static loop => loop.PacketsReceived);

    /// <summary>Packets processed since start.</summary>
    public long PacketsProcessed => Sum(static loop => loop.PacketsProcessed);

    /// <summary>Packets received, and not processed for a failure or an expired drain.</summary>
    public long PacketsDropped => Sum(static loop => loop.PacketsDropped);

    /// <summary>Packets received of which it is not settled yet whether they will be processed.</summary>
    /// <remarks>Received is read last, so that what is processed meanwhile cannot make this negative.</remarks>
    public long PacketsPending
    {
        get
        {
            long settled = PacketsProcessed + PacketsDropped;
            return PacketsReceived - settled;
        }
    }

    /// <summary>Connections that ended for <paramref name="reason"/> since start.</summary>
    public long Closed(CloseReason reason) => Volatile.Read(ref _loops).Sum(loop => loop.Closed(reason));

    /// <summary>Bytes given to the decoders since start.</summary>
    public long BytesReceived => Sum(static loop => loop.Bytes.BytesReceived);

    /// <summary>Payload bytes of the packets received since start.</summary>
    public long BytesPayload => Sum(static loop => loop.PayloadBytes);

    /// <summary>Bytes that became part of no packet since start.</summary>
    public long BytesDiscarded => Sum(static loop => loop.Bytes.BytesDiscarded);

    /// <summary>Bytes held now for packets that are not whole yet.</summary>
    public long BytesUnfinished => Sum(static loop => loop.Bytes.BytesUnfinished);

    /// <summary>Batches since start; like the next two only counted where there is a <see cref="LoopCounters.Recorder"/>.</summary>
    public long Batches => Sum(static loop => loop.Recorder?.Batches ?? 0);

    /// <summary>Batches since start whose first packet is from the future.</summary>
    public long Skewed => Sum(static loop => loop.Recorder?.Skewed ?? 0);

    /// <summary>Batches since start whose first packet's clock was never set.</summary>
    public long Unset => Sum(static loop => loop.Recorder?.Unset ?? 0);

    /// <summary>Batches since start whose first packet's age is in this bucket of <see cref="PacketAges"/>.</summary>
    public long WithAge(int bucket) => Loops.Sum(loop => loop.Recorder?.WithAge(bucket) ?? 0);

    /// <summary>Bytes allocated now for packets that are not whole yet: what <c>--max-buffered</c> bounds.</summary>
    public long BytesAllocated => Sum(static loop => loop.Bytes.BytesAllocated);

    /// <summary>Bytes that were held for unfinished packets and are no longer, since start.</summary>
    public long BytesLetGo => Sum(static loop => loop.Bytes.BytesLetGo);

    /// <summary>Every counter with its name in <c>/api/stats</c>, dots for its levels; zeros included.</summary>
    /// <remarks>At rest: <c>packets.received = processed + dropped</c>, and <c>bytes.received = 7 × packets.received + payload +
    /// discarded + unfinished</c>.</remarks>
    public IEnumerable<KeyValuePair<string, long>> Named()
    {
        ConnectionCounts connections = Connections;
        yield return new("connections.open", connections.Open);
        yield return new("connections.accepted", connections.Accepted);
        yield return new("connections.paused", Paused);
        foreach (CloseReason reason in Enum.GetValues<CloseReason>())
        {
            yield return new($"connections.closed.{reason}", connections.Closed[(int)reason]);
        }

        yield return new("packets.received", PacketsReceived);
        yield return new("packets.processed", PacketsProcessed);
        yield return new("packets.dropped", PacketsDropped);
        yield return new("bytes.received", BytesReceived);
        yield return new("bytes.payload", BytesPayload);
        yield return new("bytes.discarded", BytesDiscarded);
        yield return new("bytes.unfinished", BytesUnfinished);
    }

    private long Sum(Func<LoopCounters, long> counter) => Volatile.Read(ref _loops).Sum(counter);
}
