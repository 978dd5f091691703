using System.Globalization;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>The live progress of a run: a panel on a terminal, otherwise one line per second.</summary>
internal static class Progress
{
    /// <summary>Runs, and shows each sample.</summary>
    public static async Task<RunReport> ShowAsync(LoadRun run, LoadOptions options, StandardStreams streams, CancellationToken stop)
    {
        if (streams.OutputIsTerminal)
        {
            return await new ProgressPanel(run, options).ShowAsync(stop);
        }

        run.Series.Sampled = sample => streams.Output.WriteLine(Line(run, sample));
        return await run.RunAsync(stop);
    }

    internal static string Line(LoadRun run, SecondSample sample)
    {
        LoadTotals totals = run.Totals();
        string write = sample.Write.Count > 0 ? $"  write p99 {sample.Write.P99} us" : "";
        string acks = sample.Acknowledged > 0
            ? string.Create(
                CultureInfo.InvariantCulture, $"  acked {sample.AcknowledgedPerSecond:F0}/s, p99 {sample.Acknowledgement.P99} us")
            : "";
        string hostile = run.Abuse?.Totals is { Attempts: > 0 } abuse ? $"  hostile: {abuse.Open} open of {abuse.Attempts}" : "";
        string late = sample.Late > 0 ? $"  {sample.Late} late" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{sample.End.TotalSeconds,4:F0} s  {sample.Open} open, {run.Failed} failed, {totals.EndedByServer} closed by the server  "
            + $"{sample.PacketsPerSecond:F0} packets/s  {sample.BytesPerSecond / 1e6:F1} MB/s{write}{acks}{late}{hostile}");
    }
}

/// <summary>The panel of a run: the rate with its last minute as a sparkline, connections, latencies and time left.</summary>
internal sealed class ProgressPanel(LoadRun run, LoadOptions options)
{
    private const int SparklineSeconds = 60;
    private readonly Queue<double> _rates = new();

    /// <summary>Runs, and updates the panel with each sample; the last one stays.</summary>
    public async Task<RunReport> ShowAsync(CancellationToken stop)
    {
        RunReport? report = null;
        await AnsiConsole.Live(new Text("connecting ...")).StartAsync(async live =>
        {
            run.Series.Sampled = sample => live.UpdateTarget(Picture(sample));
            report = await run.RunAsync(stop);
        });
        return report!;
    }

    internal IRenderable Picture(SecondSample sample)
    {
        _rates.Enqueue(sample.PacketsPerSecond);
        if (_rates.Count > SparklineSeconds)
        {
            _rates.Dequeue();
        }

        LoadTotals totals = run.Totals();
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn();
        Row("phase", $"{run.Phase}, {sample.End.TotalSeconds:F0} s{TimeLeft(totals, sample)}");
        Row("rate", $"{sample.PacketsPerSecond:F0} packets/s, {sample.BytesPerSecond / 1e6:F1} MB/s");
        Row("", $"{Sparkline.Of(_rates)}");
        Row(
            "connections",
            $"{sample.Open} open of {options.Connections}, {run.Failed} failed, {totals.EndedByServer} closed by the server");
        Row("connect", $"{Words(sample.Connect)}");
        Row("write", $"{Words(sample.Write)}{(sample.Late > 0 ? $", {sample.Late} late" : "")}");
        if (options.Ack)
        {
            Row("acknowledged", $"{sample.AcknowledgedPerSecond:F0} packets/s, {Words(sample.Acknowledgement)}");
        }

        if (run.Abuse?.Totals is { Attempts: > 0 } abuse)
        {
            Row("hostile", $"{abuse.Open} open of {abuse.Attempts}, {abuse.AllEnded} ended");
        }

        return new Panel(grid).Header($" {options.Host}:{options.Port} ").RoundedBorder();

        void Row(string name, FormattableString value) =>
            grid.AddRow(new Text(name), new Text(value.ToString(CultureInfo.InvariantCulture)));
    }

    private static string Words(Latency latency) =>
        latency.Count == 0 ? "-" : $"p50 {latency.P50} us, p99 {latency.P99} us, max {latency.Max} us";

    private string TimeLeft(LoadTotals totals, SecondSample sample)
    {
        if (run.TimeLeft is TimeSpan left)
        {
            return string.Create(CultureInfo.InvariantCulture, $", {left.TotalSeconds:F0} s left");
        }

        return options.Packets is long packets && sample.PacketsPerSecond > 0
            ? string.Create(
                CultureInfo.InvariantCulture, $", about {Math.Max(0, packets - totals.PacketsSent) / sample.PacketsPerSecond:F0} s left")
            : "";
    }
}

/// <summary>Values as a row of bars, one character each: <c>▁▃▅█▇</c>.</summary>
internal static class Sparkline
{
    private const string Bars = "▁▂▃▄▅▆▇█";

    public static string Of(IReadOnlyCollection<double> values)
    {
        double greatest = values.DefaultIfEmpty().Max();
        return string.Concat(values.Select(value => Bars[greatest > 0 ? (int)Math.Round(value / greatest * (Bars.Length - 1)) : 0]));
    }
}
