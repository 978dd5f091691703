using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>A run's seconds, put together where they are too many to draw or to read.</summary>
internal static class MergedSeries
{
    /// <summary>A last interval below this, in seconds, goes with the one before: as a rate it would be noise.</summary>
    private const double ShortestLast = 0.5;

    /// <summary>Puts neighbours together, always as many, until no more than so many are left.</summary>
    /// <returns>Counts are sums, latencies the greatest of each percentile: a second that stood out still does.</returns>
    public static IReadOnlyList<SecondSample> Of(IReadOnlyList<SecondSample> series, int most)
    {
        IReadOnlyList<SecondSample> whole = WithoutShortEnd(series);
        int together = (int)Math.Ceiling(whole.Count / (double)most);
        return together <= 1 ? whole : [.. whole.Chunk(together).Select(Merge)];
    }

    private static IReadOnlyList<SecondSample> WithoutShortEnd(IReadOnlyList<SecondSample> series) =>
        series.Count > 1 && series[^1].Length.TotalSeconds < ShortestLast
            ? [.. series.SkipLast(2), Merge([.. series.TakeLast(2)])]
            : series;

    private static SecondSample Merge(SecondSample[] samples) => new(
        samples[^1].End,
        samples.Aggregate(TimeSpan.Zero, (length, sample) => length + sample.Length),
        samples.Sum(sample => sample.Packets),
        samples.Sum(sample => sample.Bytes),
        samples[^1].Open,
        samples.Sum(sample => sample.Late),
        Greatest(samples.Select(sample => sample.Connect)),
        Greatest(samples.Select(sample => sample.Write)));

    private static Latency Greatest(IEnumerable<Latency> latencies) => latencies.Aggregate((a, b) => new Latency(
        a.Count + b.Count,
        Math.Max(a.P50, b.P50),
        Math.Max(a.P90, b.P90),
        Math.Max(a.P99, b.P99),
        Math.Max(a.P999, b.P999),
        Math.Max(a.Max, b.Max)));
}
