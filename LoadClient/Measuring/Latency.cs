using HdrHistogram;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>The kinds of latency; a new member is in every report.</summary>
internal enum LatencyKind
{
    Connect, // from the connect call to the established connection; with TLS, to the end of its handshake
    Write, // from the due time of a write until the kernel took its last byte; without --rate, due when it starts
    Acknowledgement, // from the due time of a packet until the server's acknowledgement was read
}

/// <summary>Percentiles of a histogram, in microseconds; all 0 if it is empty.</summary>
internal readonly record struct Latency(long Count, long P50, long P90, long P99, long P999, long Max)
{
    public static Latency Of(HistogramBase histogram) => histogram.TotalCount == 0
        ? default
        : new Latency(
            histogram.TotalCount,
            histogram.GetValueAtPercentile(50),
            histogram.GetValueAtPercentile(90),
            histogram.GetValueAtPercentile(99),
            histogram.GetValueAtPercentile(99.9),
            histogram.GetMaxValue());

    /// <summary>Returns the greater of each percentile.</summary>
    public static Latency Greatest(Latency a, Latency b) => new(
        a.Count + b.Count,
        Math.Max(a.P50, b.P50),
        Math.Max(a.P90, b.P90),
        Math.Max(a.P99, b.P99),
        Math.Max(a.P999, b.P999),
        Math.Max(a.Max, b.Max));
}

/// <summary>Histograms of microseconds with three significant digits, all alike so that they can be added.</summary>
internal static class LatencyHistogram
{
    public static readonly TimeSpan Max = TimeSpan.FromHours(1); // longer latencies count as this

    /// <summary>Returns an empty histogram of about 190 KiB.</summary>
    public static LongHistogram New() => new((long)Max.TotalMicroseconds, numberOfSignificantValueDigits: 3);

    /// <summary>Records a latency a number of times; a negative one counts as 0.</summary>
    public static void Record(this LongHistogram histogram, TimeSpan latency, long count = 1) =>
        histogram.RecordValueWithCount(Math.Clamp((long)latency.TotalMicroseconds, 0, (long)Max.TotalMicroseconds), count);
}

/// <summary>The latencies of each kind in some interval. One thread at a time.</summary>
internal sealed class LatencyInterval(bool acknowledged)
{
    private readonly LongHistogram[] _histograms =
        [.. Enumerable.Range(0, acknowledged ? 3 : 2).Select(_ => LatencyHistogram.New())]; // by LatencyKind

    public IReadOnlyDictionary<LatencyKind, LongHistogram> ByKind =>
        Enumerable.Range(0, _histograms.Length).ToDictionary(kind => (LatencyKind)kind, kind => _histograms[kind]);

    public LongHistogram this[LatencyKind kind] => _histograms[(int)kind];

    /// <summary>Returns the percentiles of a kind; all 0 if it is not measured.</summary>
    public Latency Of(LatencyKind kind) => (int)kind < _histograms.Length ? Latency.Of(this[kind]) : default;

    public void Add(LatencyInterval other)
    {
        for (int i = 0; i < _histograms.Length; i++)
        {
            _histograms[i].Add(other._histograms[i]);
        }
    }

    public void Reset()
    {
        foreach (LongHistogram histogram in _histograms)
        {
            histogram.Reset();
        }
    }
}
