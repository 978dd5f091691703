using DotNettyFraming.LoadClient.Measuring;
using HdrHistogram;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>The latencies of the whole run: how long each share of them took at most.</summary>
internal static class PercentileFigure
{
    private const int PointsPerNine = 40;

    /// <summary>The figure of a run; null where no latency was measured.</summary>
    public static PlotFigure? Of(RunReport report)
    {
        (LatencyKind Kind, LongHistogram Values)[] measured =
        [
            .. report.Latencies.Where(kind => kind.Value.TotalCount > 0)
                .OrderByDescending(kind => kind.Key)
                .Select(kind => (kind.Key, kind.Value)),
        ];
        if (measured.Length == 0)
        {
            return null;
        }

        var plot = new LinePlot(
            "Latency percentiles of the whole run",
            PlotAxis.Percentile(measured.Max(kind => kind.Values.TotalCount)),
            PlotAxis.Latency(measured.Min(kind => kind.Values.GetValueAtPercentile(0)), measured.Max(kind => kind.Values.GetMaxValue())),
            [.. measured.Select(kind => LineOf(kind.Kind, kind.Values))]);
        return new PlotFigure(plot, TableOf(measured));
    }

    private static PlotLine LineOf(LatencyKind kind, LongHistogram values)
    {
        double end = Math.Log10(values.TotalCount);
        IEnumerable<PlotPoint> points = Enumerable.Range(0, (int)(end * PointsPerNine) + 1)
            .Select(i => i / (double)PointsPerNine)
            .Select(nines => new PlotPoint(nines, ValueAt(values, nines)))
            .Append(new PlotPoint(end, values.GetMaxValue()));
        var latency = Latency.Of(values);
        string range = $"p50 {Quantity.Microseconds(latency.P50)}, p99 {Quantity.Microseconds(latency.P99)}, "
            + $"max {Quantity.Microseconds(latency.Max)}";
        return new PlotLine(RunTables.NameOf(kind), range, [.. points.DistinctBy(point => point.X)]);
    }

    private static HtmlTable TableOf((LatencyKind Kind, LongHistogram Values)[] measured)
    {
        int nines = (int)Math.Log10(measured.Max(kind => kind.Values.TotalCount));
        return new HtmlTable(
            "Figures",
            ["percentile", .. measured.Select(kind => $"{RunTables.NameOf(kind.Kind)}, µs")],
            [
                Row("50", values => values.GetValueAtPercentile(50)),
                .. Enumerable.Range(1, nines).Select(n => Row(Quantity.Percentile(n), values => ValueAt(values, n))),
                Row("100", values => values.GetMaxValue()),
            ])
        {
            HasFigures = true,
        };

        string[] Row(string percentile, Func<LongHistogram, long> of) =>
            [percentile, .. measured.Select(kind => Quantity.Count(of(kind.Values)))];
    }

    private static long ValueAt(LongHistogram values, double nines) => values.GetValueAtPercentile(100 * (1 - Math.Pow(10, -nines)));
}
