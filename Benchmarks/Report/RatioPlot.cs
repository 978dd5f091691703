using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;
using ScottPlot;
using ScottPlot.Plottables;

namespace DotNettyFraming.Benchmarks.Report;

/// <summary>A plot of the ratios to the floor: one group of bars per load, one bar per server, with the spread of its rounds.</summary>
internal static class RatioPlot
{
    private const int Width = 1200;
    private const int Height = 600;
    private const double GroupGap = 1.0; // in bars

    /// <summary>Draws the plot; returns false without a floor or a load at a fixed rate.</summary>
    public static bool Save(ComparisonResult result, string file)
    {
        Workload[] loads =
        [
            .. Workloads.All.Where(load => !load.IsFullSpeed && RatioOf(result, result.Contestants[0], load) is not null),
        ];
        Contestant[] bars = [.. result.Contestants.Where(contestant => contestant.Role != ContestantRole.Floor)];
        if (loads.Length == 0 || bars.Length == 0)
        {
            return false;
        }

        using var plot = new Plot();
        double group = bars.Length + GroupGap;
        for (int i = 0; i < bars.Length; i++)
        {
            BarPlot series = plot.Add.Bars(BarsOf(result, bars[i], loads, i, group).ToArray());
            AddSpreads(plot, result, bars[i], loads, i, group);
            series.LegendText = $"{bars[i].Name}: {bars[i].Title}";
            foreach (Bar bar in series.Bars)
            {
                bar.FillColor = plot.Add.Palette.GetColor(i);
            }
        }

        HorizontalLine floor = plot.Add.HorizontalLine(1);
        floor.Color = Colors.Black;
        floor.LineWidth = 1;
        floor.LegendText = "floor: bare epoll loops in C#";
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. loads.Select((_, i) => (i * group) + ((bars.Length - 1) / 2.0))], [.. loads.Select(load => load.Name)]);
        plot.Axes.Margins(bottom: 0);
        plot.Axes.SetLimitsX(-GroupGap, loads.Length * group);
        plot.Title("CPU time per packet as a ratio to the floor (medians; lines: minimum to maximum)");
        plot.ShowLegend(Edge.Bottom);
        plot.SavePng(file, Width, Height);
        return true;
    }

    private static IEnumerable<Bar> BarsOf(ComparisonResult result, Contestant contestant, Workload[] loads, int index, double group)
    {
        for (int i = 0; i < loads.Length; i++)
        {
            if (RatioOf(result, contestant, loads[i]) is { } ratio)
            {
                yield return new Bar { Position = (i * group) + index, Value = ratio.Median };
            }
        }
    }

    /// <summary>Adds a line from minimum to maximum; a bar's error property is symmetric.</summary>
    private static void AddSpreads(Plot plot, ComparisonResult result, Contestant contestant, Workload[] loads, int index, double group)
    {
        for (int i = 0; i < loads.Length; i++)
        {
            if (RatioOf(result, contestant, loads[i]) is { } ratio)
            {
                double x = (i * group) + index;
                plot.Add.Line(x, ratio.Min, x, ratio.Max).Color = Colors.Black;
            }
        }
    }

    private static Statistics? RatioOf(ComparisonResult result, Contestant contestant, Workload load) =>
        result.Ratio<SendReading>(contestant, result.With(ContestantRole.Floor), load.Name, reading => reading.CpuNanosecondsPerPacket);
}
