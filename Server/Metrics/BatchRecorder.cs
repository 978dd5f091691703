using System.Diagnostics.Metrics;

namespace DotNettyFraming.Server.Metrics;

/// <summary>Records the size of each batch of one event loop, and the age of its first packet.</summary>
/// <remarks>
/// One age per batch is enough: the packets of one read were mostly sent together. Written by the loop's thread, read by any.
/// </remarks>
internal sealed class BatchRecorder(TimeProvider time)
{
    /// <summary>The tolerance for times in the future: headers have whole seconds, and clocks differ by milliseconds.</summary>
    private const long ToleranceSeconds = 1;

    /// <summary>2015-01-01. Clocks that were never set start earlier: at 1970, 1980 (GPS), 2000, or the firmware's date.</summary>
    private const long OldestSeconds = 1_420_070_400;

    private long _nowSeconds;
    private long _readAt = long.MinValue;

    /// <summary>Packets per batch.</summary>
    public LoopHistogram Packets { get; } = new(LoopHistogram.PacketBounds);

    /// <summary>Ages, in seconds.</summary>
    public LoopHistogram Ages { get; } = new(LoopHistogram.AgeBounds);

    /// <summary>The same values for a collector, which accepts only single ones; null without one. Set before the first batch.</summary>
    public PushedHistograms? Pushed { get; set; }

    /// <summary>Records a batch whose first packet has this header time, in Unix seconds; null if the header has none.</summary>
    public void Record(int packets, uint? firstTime, LoopCounters counters)
    {
        counters.Add(Counter.Reads);
        Packets.Record(packets);
        Pushed?.Packets.Record(packets, Pushed.Loop);
        if (firstTime is not { } created)
        {
            return;
        }

        long age = NowSeconds() - created;
        if (created < OldestSeconds)
        {
            counters.Add(Counter.ClockUnset);
        }
        else if (age < -ToleranceSeconds)
        {
            counters.Add(Counter.ClockSkew);
        }
        else
        {
            age = Math.Max(age, 0);
            Ages.Record(age);
            Pushed?.Ages.Record(age, Pushed.Loop);
        }
    }

    /// <summary>Returns Unix seconds, read when the kernel's coarse clock has ticked (4 ms).</summary>
    /// <remarks>Measured: reading the tick takes a few nanoseconds, the time of day about 40.</remarks>
    private long NowSeconds()
    {
        long tick = Environment.TickCount64;
        if (tick != _readAt)
        {
            _readAt = tick;
            _nowSeconds = time.GetUtcNow().ToUnixTimeSeconds();
        }

        return _nowSeconds;
    }
}

/// <summary>The histograms of a collector, and one event loop's tag: loops that shared a series would share its lock.</summary>
internal sealed record PushedHistograms(Histogram<int> Packets, Histogram<long> Ages, KeyValuePair<string, object?> Loop);

/// <summary>A histogram that one event loop writes and any thread reads; the loops' histograms are summed when read.</summary>
/// <param name="bounds">Upper bounds of the buckets, inclusive, in rising order.</param>
internal sealed class LoopHistogram(int[] bounds)
{
    /// <summary>Bounds of packets per batch: a read of 64 KiB has at most 9,362 packets.</summary>
    public static readonly int[] PacketBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

    /// <summary>Bounds of ages, in seconds as in the header; up to a day, because devices send what they kept while offline.</summary>
    public static readonly int[] AgeBounds = [0, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 86400];

    private readonly long[] _counts = new long[bounds.Length + 1];
    private long _sum;

    /// <summary>The sum of all values.</summary>
    public long Sum => Volatile.Read(ref _sum);

    /// <summary>Counts per bucket: one for each bound, and one for values above all bounds.</summary>
    public IEnumerable<long> Counts => _counts.Select((_, bucket) => Volatile.Read(ref _counts[bucket]));

    /// <summary>Records a value.</summary>
    public void Record(long value)
    {
        _counts[BucketOf(value)]++;
        _sum += value;
    }

    /// <summary>Returns the index of a value's bucket. Most values are small, so it searches upwards.</summary>
    public int BucketOf(long value)
    {
        int bucket = 0;
        while (bucket < bounds.Length && value > bounds[bucket])
        {
            bucket++;
        }

        return bucket;
    }
}
