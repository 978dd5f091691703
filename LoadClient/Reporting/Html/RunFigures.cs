using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>The plots of a run, in the order of the page.</summary>
internal static class RunFigures
{
    /// <summary>As many as a sharp screen has pixels across a plot: more would only fill it.</summary>
    internal const int MostPoints = 1_000;

    /// <summary>More rows nobody reads; <c>--json</c> is for programs.</summary>
    internal const int MostRows = 600;

    /// <summary>All that there is something to show of.</summary>
    public static IEnumerable<PlotFigure> Of(RunReport report)
    {
        IReadOnlyList<SecondSample> points = MergedSeries.Of(report.Series, MostPoints);
        IReadOnlyList<SecondSample> rows = MergedSeries.Of(report.Series, MostRows);
        return OverTime(report).Select(curves => curves.Of(points, rows)).Append(PercentileFigure.Of(report)).OfType<PlotFigure>();
    }

    private static IEnumerable<TimeCurves> OverTime(RunReport report)
    {
        yield return TimeCurves.OfCount("Packets a second", sample => sample.PacketsPerSecond);
        yield return TimeCurves.OfBytes("Bytes a second", sample => sample.BytesPerSecond);
        yield return TimeCurves.OfCount("Connections open", sample => sample.Open);
        if (report.Series.Any(sample => sample.Late > 0))
        {
            yield return TimeCurves.OfCount("Late packets a second", sample => sample.Late / sample.Length.TotalSeconds);
        }

        yield return TimeCurves.OfLatency("Write latency", sample => sample.Write);
        yield return TimeCurves.OfLatency("Connect latency", sample => sample.Connect);
    }
}
