using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>One line over time: a figure of each sample.</summary>
/// <param name="Name">What it shows; empty where it is alone.</param>
/// <param name="Of">The figure; no number where the sample has none.</param>
internal sealed record TimeCurve(string Name, Func<SecondSample, double> Of);

/// <summary>A plot over time, before the samples are put in: which of their figures, and how they are read.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Axis">Of the least and the greatest value.</param>
/// <param name="Read">A value, in the key.</param>
/// <param name="Unit">Of the figures in the table, behind the column's name; may be empty.</param>
/// <param name="Lines">At least one.</param>
internal sealed record TimeCurves(
    string Title, Func<double, double, PlotAxis> Axis, Func<double, string> Read, string Unit, params IReadOnlyList<TimeCurve> Lines)
{
    /// <summary>A number, or a number a second.</summary>
    public static TimeCurves OfCount(string title, Func<SecondSample, double> of) =>
        new(title, (_, greatest) => PlotAxis.Count(greatest, ""), Quantity.Count, "", new TimeCurve("", of));

    /// <summary>Bytes a second.</summary>
    public static TimeCurves OfBytes(string title, Func<SecondSample, double> of) =>
        new(title, (_, greatest) => PlotAxis.Count(greatest, "B"), value => Quantity.Short(value, "B"), "", new TimeCurve("", of));

    /// <summary>Half of them, nearly all, and the worst.</summary>
    public static TimeCurves OfLatency(string title, Func<SecondSample, Latency> of)
    {
        return new TimeCurves(
            title,
            PlotAxis.Latency,
            value => Quantity.Microseconds((long)value),
            ", µs",
            Line("p50", latency => latency.P50),
            Line("p99", latency => latency.P99),
            Line("max", latency => latency.Max));

        TimeCurve Line(string name, Func<Latency, long> figure) =>
            new(name, sample => of(sample) is { Count: > 0 } latency ? figure(latency) : double.NaN);
    }

    /// <summary>The figure of a run.</summary>
    /// <param name="points">Its samples, for the plot.</param>
    /// <param name="rows">Its samples, for the table.</param>
    /// <returns>Null where less than two samples have a value: there is no line to draw.</returns>
    public PlotFigure? Of(IReadOnlyList<SecondSample> points, IReadOnlyList<SecondSample> rows)
    {
        double[][] values = [.. Lines.Select(line => points.Select(line.Of).Where(double.IsFinite).Order().ToArray())];
        if (values[0].Length < 2)
        {
            return null;
        }

        var plot = new LinePlot(
            Title,
            PlotAxis.Time(points[^1].End),
            Axis(values.Min(line => line[0]), values.Max(line => line[^1])),
            [.. Lines.Zip(values, (line, sorted) => new PlotLine(line.Name, RangeOf(sorted), PointsOf(line, points)))]);
        return new PlotFigure(plot, TableOf(rows));
    }

    private static PlotPoint[] PointsOf(TimeCurve line, IReadOnlyList<SecondSample> points) =>
        [.. points.Select(sample => new PlotPoint(sample.End.TotalSeconds, line.Of(sample)))];

    private string RangeOf(double[] sorted) => $"{Read(sorted[0])} to {Read(sorted[^1])}, median {Read(sorted[sorted.Length / 2])}";

    private HtmlTable TableOf(IReadOnlyList<SecondSample> rows) => new(
        $"Figures ({Quantity.Counted(rows.Count, "row")})",
        ["until, s", .. Lines.Select(line => line.Name.Length == 0 ? Title : line.Name + Unit)],
        [.. rows.Select(sample => (string[])[Quantity.Plain(sample.End.TotalSeconds), .. Lines.Select(line => Cell(line.Of(sample)))])])
    {
        HasFigures = true,
    };

    private static string Cell(double value) => double.IsFinite(value) ? Quantity.Count(value) : "–";
}
