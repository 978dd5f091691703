using System.Diagnostics.Metrics;

namespace DotNettyFraming.Server.Metrics;

/// <summary>Records each batch of one event loop: its size, and the age of its first packet.</summary>
/// <remarks>
/// Once per batch, so once or twice per read from the socket. One age per batch is enough: the packets of one read were mostly sent
/// together. Written by the loop's thread, read by any.
/// </remarks>
internal sealed class BatchRecorder(TimeProvider time)
{
    /// <summary>Headers have whole seconds, and clocks differ by milliseconds: a packet of the next second is fresh.</summary>
    private const long Grain = 1;

    /// <summary>2015-01-01: an earlier time comes from a clock that was never set.</summary>
    /// <remarks>Such clocks start at 1970, 1980 (GPS), 2000, or when their firmware was made.</remarks>
    private const long OldestSeconds = 1_420_070_400;

    private long _nowSeconds;
    private long _readAt = long.MinValue;

    /// <summary>Packets per batch.</summary>
    public LoopHistogram Packets { get; } = new(LoopHistogram.PacketBounds);

    /// <summary>Ages, in seconds.</summary>
    public LoopHistogram Ages { get; } = new(LoopHistogram.AgeBounds);

    /// <summary>The same for a collector, which takes no sums: enabled only where there is one.</summary>
    public Histogram<int>? PacketsPushed { get; init; }

    /// <summary>As <see cref="PacketsPushed"/>.</summary>
    public Histogram<long>? AgesPushed { get; init; }

    /// <summary>The loop as the collector's series has it, so that no two loops share one, and its lock.</summary>
    public KeyValuePair<string, object?> Loop { get; init; }

    /// <summary>Records a batch.</summary>
    /// <param name="packets">Its packets.</param>
    /// <param name="firstTime">The first packet's time, Unix seconds.</param>
    /// <param name="counters">The loop's counters.</param>
    public void Record(int packets, uint firstTime, LoopCounters counters)
    {
        counters.Add(Counter.Reads);
        Packets.Record(packets);
        if (PacketsPushed is { Enabled: true })
        {
            PacketsPushed.Record(packets, Loop);
        }

        long age = NowSeconds() - firstTime;
        if (firstTime < OldestSeconds)
        {
            counters.Add(Counter.ClockUnset);
        }
        else if (age < -Grain)
        {
            counters.Add(Counter.ClockSkew);
        }
        else
        {
            RecordAge(Math.Max(age, 0));
        }
    }

    private void RecordAge(long age)
    {
        Ages.Record(age);
        if (AgesPushed is { Enabled: true })
        {
            AgesPushed.Record(age, Loop);
        }
    }

    /// <summary>Unix seconds, read when the kernel's coarse clock has ticked (4 ms).</summary>
    /// <remarks>The tick costs a few nanoseconds to read, the time of day about forty.</remarks>
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

/// <summary>A histogram of one event loop, which writes it; any thread reads. The loops' are summed when read.</summary>
/// <param name="bounds">Upper bounds of the buckets, each included, in rising order.</param>
internal sealed class LoopHistogram(int[] bounds)
{
    /// <summary>Bounds of packets per batch: up to 8192 of 7 bytes fit into a read of 64 KiB.</summary>
    public static readonly int[] PacketBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

    /// <summary>Bounds of ages, in seconds as the header has them; up to a day, as a device that was offline sends what it kept.</summary>
    public static readonly int[] AgeBounds = [0, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 86400];

    private readonly long[] _counts = new long[bounds.Length + 1];
    private long _sum;

    /// <summary>The sum of all values.</summary>
    public long Sum => Volatile.Read(ref _sum);

    /// <summary>Counts per bucket: one for each bound, and one for what is above them all.</summary>
    public IEnumerable<long> Counts => _counts.Select((_, bucket) => Volatile.Read(ref _counts[bucket]));

    /// <summary>Records a value.</summary>
    public void Record(long value)
    {
        _counts[BucketOf(value)]++;
        _sum += value;
    }

    /// <summary>The bucket of a value. Most are small: a search from below ends soon.</summary>
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
