using System.Diagnostics;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Metrics;

/// <summary>The counters of one event loop since start.</summary>
/// <remarks>
/// Only the loop writes, with plain additions, so threads share no memory on the packet path. Any thread reads;
/// <see cref="ServerCounters"/> sums the loops.
/// </remarks>
internal sealed class LoopCounters
{
    /// <summary>Unused elements on both sides of the counts, so that other loops' memory is on other cache lines.</summary>
    private const int Margin = 16;

    private readonly long[] _counts = new long[Margin + CounterTable.Rows.Count + Margin];
    private readonly long[] _closed = new long[Margin + Enum.GetValues<CloseReason>().Length + Margin];

    /// <summary>Byte counts, kept by the loop's decoders.</summary>
    public DecoderCounters Bytes { get; } = new();

    /// <summary>Records each batch; null with <c>--admin off</c>. Set before the loop's first connection.</summary>
    public BatchRecorder? Recorder { get; set; }

    /// <summary>The time for which connections have been paused.</summary>
    public PausedTime PausedTime { get; } = new();

    /// <summary>The value of a counter.</summary>
    public long this[Counter counter] => CounterTable.Rows[(int)counter].Source is { } source
        ? source(this)
        : Volatile.Read(ref _counts[Margin + (int)counter]);

    /// <summary>Returns the number of connections that ended for a reason.</summary>
    public long Closed(CloseReason reason) => Volatile.Read(ref _closed[Margin + (int)reason]);

    /// <summary>Adds to a counter.</summary>
    public void Add(Counter counter, long count = 1) => _counts[Margin + (int)counter] += count;

    /// <summary>Counts an accepted connection.</summary>
    public void CountAccepted() => Add(Counter.ConnectionsAccepted);

    /// <summary>Counts the end of an accepted connection.</summary>
    public void CountClosed(CloseReason reason) => _closed[Margin + (int)reason]++;

    /// <summary>Counts a pause (+1) or its end (−1).</summary>
    public void CountPaused(int change)
    {
        Add(Counter.ConnectionsPaused, change);
        PausedTime.Change(change);
    }

    /// <summary>Counts the complete packets of a batch.</summary>
    public void CountReceived(PacketBatch batch)
    {
        int packets = batch.Count;
        Add(Counter.PacketsReceived, packets);
        Add(Counter.BytesHeader, batch.HeaderByteCount);
        Add(Counter.BytesPayload, batch.PayloadByteCount);
        Recorder?.Record(packets, batch.FirstTime, this);
    }

    /// <summary>Counts processed packets.</summary>
    public void CountProcessed(long packets) => Add(Counter.PacketsProcessed, packets);

    /// <summary>Counts packets that were received and will not be processed.</summary>
    public void CountDropped(long packets) => Add(Counter.PacketsDropped, packets);
}

/// <summary>The time for which connections have been paused, current pauses included, summed over connections.</summary>
/// <remarks>One loop writes, any thread reads. The lock keeps two numbers consistent; the packet path never takes it.</remarks>
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
                // The ends of the pauses less their starts; a current pause ends now. Overflows cancel out.
                return Stopwatch.GetElapsedTime(0, unchecked(_ended + (_paused * Stopwatch.GetTimestamp())));
            }
        }
    }

    /// <summary>Counts a pause (+1) or its end (−1).</summary>
    public void Change(int change)
    {
        lock (_both)
        {
            _paused += change;
            _ended = unchecked(_ended - (change * Stopwatch.GetTimestamp()));
        }
    }
}
