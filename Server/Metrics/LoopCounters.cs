using System.Diagnostics;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Metrics;

/// <summary>What happened on one event loop, counted since start.</summary>
/// <remarks>
/// Only that event loop writes, with plain additions: no thread shares memory on the packet path. Any thread reads;
/// <see cref="ServerCounters"/> adds the loops up.
/// </remarks>
internal sealed class LoopCounters
{
    /// <summary>Unused elements on both sides of the counts, so that no other loop's memory shares their cache lines.</summary>
    private const int Margin = 16;

    private readonly long[] _counts = new long[Margin + CounterTable.Rows.Count + Margin];
    private readonly long[] _closed = new long[Margin + Enum.GetValues<CloseReason>().Length + Margin];

    /// <summary>Byte counts, which the loop's decoders keep.</summary>
    public DecoderCounters Bytes { get; } = new();

    /// <summary>Records each batch; null with <c>--admin off</c>. Set before the loop's first connection.</summary>
    public BatchRecorder? Recorder { get; set; }

    /// <summary>The time for which connections have been paused.</summary>
    public PausedTime PausedTime { get; } = new();

    /// <summary>A counter's value.</summary>
    public long this[Counter counter] => CounterTable.Rows[(int)counter].Source is { } source
        ? source(this)
        : Volatile.Read(ref _counts[Margin + (int)counter]);

    /// <summary>Connections that ended for <paramref name="reason"/>.</summary>
    public long Closed(CloseReason reason) => Volatile.Read(ref _closed[Margin + (int)reason]);

    /// <summary>Counts.</summary>
    public void Add(Counter counter, long count = 1) => _counts[Margin + (int)counter] += count;

    /// <summary>A connection was accepted.</summary>
    public void CountAccepted() => Add(Counter.ConnectionsAccepted);

    /// <summary>A connection ended; once for each accepted one.</summary>
    public void CountClosed(CloseReason reason) => _closed[Margin + (int)reason]++;

    /// <summary>A connection is paused (+1), or no longer (−1).</summary>
    public void CountPaused(int change)
    {
        Add(Counter.ConnectionsPaused, change);
        PausedTime.Change(change);
    }

    /// <summary>Complete packets came out of the decoder.</summary>
    public void CountReceived(PacketBatch batch)
    {
        int packets = batch.Count;
        Add(Counter.PacketsReceived, packets);
        Add(Counter.BytesPayload, batch.PayloadByteCount);
        Recorder?.Record(packets, batch.FirstTime, this);
    }

    /// <summary>Packets are processed.</summary>
    public void CountProcessed(long packets) => Add(Counter.PacketsProcessed, packets);

    /// <summary>Packets were received and will not be processed.</summary>
    public void CountDropped(long packets) => Add(Counter.PacketsDropped, packets);
}

/// <summary>The time for which connections have been paused, summed over them, pauses under way included.</summary>
/// <remarks>One loop writes, any thread reads. Two numbers must fit together, so there is a lock, which the packet path never takes.</remarks>
internal sealed class PausedTime
{
    private readonly Lock _both = new();
    private long _ended;
    private long _paused;

    /// <summary>The sum over connections.</summary>
    public TimeSpan Total
    {
        get
        {
            lock (_both)
            {
                // The ends of the pauses less their starts, and now for those that have not ended. What overflows on the way comes back.
                return Stopwatch.GetElapsedTime(0, unchecked(_ended + (_paused * Stopwatch.GetTimestamp())));
            }
        }
    }

    /// <summary>A connection is paused (+1), or no longer (−1).</summary>
    public void Change(int change)
    {
        lock (_both)
        {
            _paused += change;
            _ended = unchecked(_ended - (change * Stopwatch.GetTimestamp()));
        }
    }
}
