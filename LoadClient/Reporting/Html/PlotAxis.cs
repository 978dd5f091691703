namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>A line across the plot, and what stands beside it.</summary>
/// <param name="At">Where, in the axis's measure.</param>
/// <param name="Label">What it stands for; empty for a line alone.</param>
internal readonly record struct AxisTick(double At, string Label);

/// <summary>From where to where a plot goes in one direction.</summary>
/// <remarks>The ticks are chosen here, and not by ScottPlot, which measures its labels in a font that a server may not have.</remarks>
/// <param name="Min">Its beginning.</param>
/// <param name="Max">Its end, above <paramref name="Min"/>.</param>
/// <param name="Ticks">In ascending order, all within.</param>
/// <param name="Title">What it measures; empty where the labels say it.</param>
internal sealed record PlotAxis(double Min, double Max, IReadOnlyList<AxisTick> Ticks, string Title)
{
    private const int MostSteps = 5;
    private const int MostPercentileLabels = 7;
    private const double Headroom = 1.02; // a line at the highest tick is still whole

    private static readonly (double Seconds, string Name, double[] Steps)[] TimeUnits =
    [
        (1, "seconds", [1, 2, 5, 10, 15, 20, 30]),
        (60, "minutes", [1, 2, 5, 10, 15, 20, 30]),
        (3_600, "hours", [1, 2, 3, 4, 6, 12]),
        (86_400, "days", [1, 2, 3, 4, 7]),
    ];

    /// <summary>Where a value stands in the axis's measure: as it is, if the scale is not logarithmic.</summary>
    public Func<double, double> Place { get; init; } = value => value;

    /// <summary>From 0 to a round number; its steps are whole.</summary>
    /// <param name="greatest">What must be within.</param>
    /// <param name="unit">Set behind each number; may be empty.</param>
    public static PlotAxis Count(double greatest, string unit)
    {
        double step = Math.Max(1, RoundUp(greatest / MostSteps));
        PlotAxis round = Evenly(step, Math.Max(1, Math.Ceiling(greatest / step)), at => Quantity.Short(at, unit), "");
        return round with { Max = round.Max * Headroom };
    }

    /// <summary>The run's time, in seconds, with labels in the unit that suits its length.</summary>
    public static PlotAxis Time(TimeSpan length)
    {
        (double unit, string name, double[] steps) = TimeUnits.Last(unit => length.TotalSeconds >= 2 * unit.Seconds || unit.Seconds == 1);
        double step = steps.FirstOrDefault(
            step => length.TotalSeconds <= step * unit * (MostSteps + 1), RoundUp(length.TotalSeconds / unit / MostSteps)) * unit;
        PlotAxis round = Evenly(step, Math.Ceiling(length.TotalSeconds / step), at => Quantity.Plain(at / unit), $"{name} from the start");
        return round with { Max = length.TotalSeconds, Ticks = [.. round.Ticks.Where(tick => tick.At <= length.TotalSeconds)] };
    }

    /// <summary>Microseconds on a logarithmic scale, whole decades; its measure is their logarithm.</summary>
    /// <remarks>Microseconds are whole: what took less than one is 0, and is drawn at 1.</remarks>
    public static PlotAxis Latency(double least, double greatest)
    {
        static double Decades(double microseconds) => Math.Log10(Math.Max(1, microseconds));

        int min = (int)Math.Floor(Decades(least));
        int max = Math.Max(min + 1, (int)Math.Ceiling(Decades(greatest)));
        var ticks = new List<AxisTick>();
        for (int decade = min; decade <= max; decade++)
        {
            ticks.Add(new AxisTick(decade, decade == 0 ? "≤ 1 µs" : Quantity.Microseconds((long)Math.Pow(10, decade))));
            ticks.AddRange(Enumerable.Range(2, decade < max ? 8 : 0).Select(digit => new AxisTick(decade + Math.Log10(digit), "")));
        }

        return new PlotAxis(min, max, ticks, "") { Place = Decades };
    }

    /// <summary>Percentiles on a scale of 1 / (1 − p), so that each further nine has the same room; its measure is the nines.</summary>
    /// <param name="count">How many values there are: no percentile beyond the last of them means anything.</param>
    public static PlotAxis Percentile(long count)
    {
        double max = Math.Max(1, Math.Log10(count));
        int labelled = max < MostPercentileLabels ? 1 : 2; // one of so many: the labels grow as their number does
        AxisTick Tick(int nines) => new(nines, nines % labelled == 0 ? Quantity.Percentile(nines) : "");
        return new PlotAxis(0, max, [.. Enumerable.Range(0, (int)max + 1).Select(Tick)], "percentile");
    }

    private static PlotAxis Evenly(double step, double steps, Func<double, string> label, string title) =>
        new(0, step * steps, [.. Enumerable.Range(0, (int)steps + 1).Select(i => new AxisTick(i * step, label(i * step)))], title);

    /// <summary>The next of 1, 2, 5, 10, 20, 50 and so on.</summary>
    private static double RoundUp(double value)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(value, double.Epsilon))));
        return power * (value <= power ? 1 : value <= 2 * power ? 2 : value <= 5 * power ? 5 : 10);
    }
}
