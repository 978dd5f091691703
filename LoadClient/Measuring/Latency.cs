using HdrHistogram;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>What a latency is measured from and to. A member added here (acknowledgements, one day) is in every report by itself.</summary>
internal enum LatencyKind
{
    Connect, // from the connect call to the established connection; with TLS, to the end of its handshake

    /// <summary>
    /// From when a write was due to when the kernel had taken its last byte. With <c>--rate</c> the timetable says when it was due, however
    /// late it was begun; without, it is due when it is begun.
    /// </summary>
    Write,
}

/// <summary>Percentiles of a histogram, in microseconds; all 0 when nothing was measured.</summary>
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

/// <summary>Makes the histograms of this program, all alike so that they can be added up, and records into them.</summary>
/// <remarks>Microseconds with three significant digits: a value is off by a thousandth at most. Longer ones than
/// <see cref="Longest"/> count as that.</remarks>
internal static class LatencyHistogram
{
    /// <summary>The longest latency told apart: no phase of a run lasts so long without moving.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>A histogram without values, about 190 KiB.</summary>
    public static LongHistogram New() => new((long)Longest.TotalMicroseconds, numberOfSignificantValueDigits: 3);

    /// <summary>Records a latency, once or several times; negative ones count as 0.</summary>
    public static void Record(this LongHistogram histogram, TimeSpan latency, long count = 1) =>
        histogram.RecordValueWithCount(Math.Clamp((long)latency.TotalMicroseconds, 0, (long)Longest.TotalMicroseconds), count);
}

/// <summary>Latencies of each kind, over some time. One thread at a time.</summary>
internal sealed class LatencyInterval
{
    public LongHistogram Connect { get; } = LatencyHistogram.New(); // connect, microseconds
    public LongHistogram Write { get; } = LatencyHistogram.New(); // write, microseconds

    public IReadOnlyDictionary<LatencyKind, LongHistogram> ByKind => new Dictionary<LatencyKind, LongHistogram>
    {
        [LatencyKind.Connect] = Connect,
        [LatencyKind.Write] = Write,
    };

    public void Add(LatencyInterval other)
    {
        Connect.Add(other.Connect);
        Write.Add(other.Write);
    }

    public void Reset()
    {
        Connect.Reset();
        Write.Reset();
    }
}
