using System.Globalization;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>Shows each second how the run is going: a panel in place on a terminal, a plain line elsewhere.</summary>
internal static class Progress
{
    /// <summary>Runs, showing each sample of the run's series as it comes.</summary>
    public static async Task<RunReport> ShowAsync(LoadRun run, LoadOptions options, StandardStreams streams, CancellationToken stop)
    {
        if (streams.OutputIsTerminal)
        {
            return await new ProgressPanel(run, options).ShowAsync(stop);
        }

        run.Series.Sampled = sample => streams.Output.WriteLine(Line(run, sample));
        return await run.RunAsync(stop);
    }

    /// <summary>One second as a line.</summary>
    internal static string Line(LoadRun run, SecondSample sample)
    {
        LoadTotals totals = run.Totals();
        string write = sample.Write.Count > 0 ? $"  write p99 {sample.Write.P99} us" : "";
        string hostile = run.Abuse?.Totals is { Attempts: > 0 } abuse ? $"  hostile: {abuse.Open} open of {abuse.Attempts}" : "";
        string late = sample.Late > 0 ? $"  {sample.Late} late" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{sample.End.TotalSeconds,4:F0} s  {sample.Open} open, {run.Failed} failed, {totals.EndedByServer} closed by the server  "
            + $"{sample.PacketsPerSecond:F0} packets/s  {sample.BytesPerSecond / 1e6:F1} MB/s{write}{late}{hostile}");
    }
}
