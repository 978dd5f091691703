using HdrHistogram;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>A histogram of latencies summed up, in microseconds; all 0 when nothing was measured.</summary>
/// <param name="Count">How many were measured.</param>
/// <param name="P50">Half took at most this.</param>
/// <param name="P90">90 of 100 took at most this.</param>
/// <param name="P99">99 of 100 took at most this.</param>
/// <param name="P999">999 of 1,000 took at most this.</param>
/// <param name="Max">None took longer.</param>
internal readonly record struct Latency(long Count, long P50, long P90, long P99, long P999, long Max)
{
    /// <summary>Sums up a histogram of microseconds.</summary>
    public static Latency Of(HistogramBase histogram) => histogram.TotalCount == 0
        ? default
        : new Latency(
            histogram.TotalCount,
            histogram.GetValueAtPercentile(50),
            histogram.GetValueAtPercentile(90),
            histogram.GetValueAtPercentile(99),
            histogram.GetValueAtPercentile(99.9),
            histogram.GetMaxValue());
}
