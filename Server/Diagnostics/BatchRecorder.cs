using System.Diagnostics.Metrics;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Diagnostics;

/// <summary>Looks at each batch of one event loop, while somebody may ask: its size, and its first packet's age.</summary>
/// <remarks>
/// Once a batch, so once or twice a read from the socket. Of a whole batch one packet's age is told: what comes in one read was, but for what a
/// device had kept, sent at one time. Written by the loop's thread, read by any.
/// </remarks>
internal sealed class BatchRecorder
{
    /// <summary>Headers have whole seconds, and clocks differ by milliseconds: a packet that seems to come from the next second is fresh.</summary>
    private const long Grain = 1;

    /// <summary>2015-01-01. Before it, a clock was never set: they start at 1970, 1980 (GPS), 2000 or when their firmware was made.</summary>
    private const long OldestSeconds = 1_420_070_400;

    private readonly Histogram<int> _packets;
    private readonly Histogram<long> _age;
    private readonly TimeProvider _time;
    private readonly long[] _ages = new long[PacketAges.Buckets];
    private long _nowSeconds;
    private long _readAt = long.MinValue;
    private long _batches;
    private long _skewed;
    private long _unset;

    /// <param name="packets">Takes the size of each batch.</param>
    /// <param name="age">Takes the age of each batch's first packet, seconds.</param>
    /// <param name="time">The clock that headers are compared with.</param>
    public BatchRecorder(Histogram<int> packets, Histogram<long> age, TimeProvider time)
    {
        _packets = packets;
        _age = age;
        _time = time;
    }

    /// <summary>Batches seen.</summary>
    public long Batches => Volatile.Read(ref _batches);

    /// <summary>Batches whose first packet says that it was made later than now. Their age is told nowhere.</summary>
    public long Skewed => Volatile.Read(ref _skewed);

    /// <summary>Batches whose first packet is from before 2015, by a clock that was never set. They are in no age either.</summary>
    public long Unset => Volatile.Read(ref _unset);

    /// <summary>Batches whose first packet's age belongs to this bucket of <see cref="PacketAges"/>.</summary>
    public long WithAge(int bucket) => Volatile.Read(ref _ages[bucket]);

    /// <summary>Looks at a batch.</summary>
    public void Record(PacketBatch batch)
    {
        _batches++;
        _packets.Record(batch.Count);
        if (batch.FirstTime < OldestSeconds)
        {
            _unset++;
            return;
        }

        long age = NowSeconds() - batch.FirstTime;
        if (age < -Grain)
        {
            _skewed++;
            return;
        }

        age = Math.Max(age, 0);
        _ages[PacketAges.BucketOf(age)]++;
        _age.Record(age);
    }

    /// <summary>Unix seconds, read when the kernel's coarse clock has ticked (4 ms): it costs a few nanoseconds to ask, the time of day some forty.</summary>
    private long NowSeconds()
    {
        long tick = Environment.TickCount64;
        if (tick != _readAt)
        {
            _readAt = tick;
            _nowSeconds = _time.GetUtcNow().ToUnixTimeSeconds();
        }

        return _nowSeconds;
    }
}
