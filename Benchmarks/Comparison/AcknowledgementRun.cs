using System.Globalization;
using System.Text.Json;
using DotNettyFraming.Benchmarks.Report;
using DotNettyFraming.Benchmarks.Senders;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>The load <c>ack</c>: this server at each level of acknowledgement, with the load client at the other end.</summary>
internal sealed class AcknowledgementRun(ComparisonPlan plan, Action<string> progress)
{
    private const int Connections = 100;
    private const int PacketsPerSecond = 10_000;

    private static readonly string[] Levels = ["none", "processed", "stored"];
    private static readonly TimeSpan Overhead = TimeSpan.FromMinutes(1);

    private readonly List<(string Level, double PerSecond, double? P99)> _runs = [];

    /// <summary>Measures each level in turn, in rounds, and returns the table.</summary>
    public async Task<ReportTable> RunAsync()
    {
        for (int round = 1; round <= plan.Rounds; round++)
        {
            progress($"acknowledgements, round {round} of {plan.Rounds}");
            foreach (string level in Levels)
            {
                await MeasureAsync(level);
            }
        }

        return new ReportTable(
            "Acknowledgements",
            $"{Connections} connections, packets of 32 bytes, the load client at the other end. Packets per second as fast as the server "
                + $"accepts; p99 from when a packet was due to its acknowledgement, at {PacketsPerSecond} packets per second. "
                + "Median (minimum–maximum) over the rounds.",
            ["Level", "packets per second", "p99 due → acknowledged"],
            [.. Levels.Select(level => (IReadOnlyList<string>)
            [
                level,
                Quantity.Spread(Of(level, run => run.PerSecond), Quantity.Rate),
                Quantity.Spread(Of(level, run => run.P99), microseconds => Quantity.Time(1000 * microseconds)),
            ])]);
    }

    private Statistics? Of(string level, Func<(string Level, double PerSecond, double? P99), double?> figure) =>
        Statistics.Of(_runs.Where(run => run.Level == level).Select(figure).OfType<double>());

    private async Task MeasureAsync(string level)
    {
        DirectoryInfo store = Directory.CreateTempSubdirectory("framing-ack-");
        try
        {
            string[] acknowledge = level == "none" ? [] : ["--ack", level, "--ack-interval", "0"];
            string[] keep = level == "stored" ? ["--store", store.FullName] : [];
            using ServerProcess server = await ServerProcess.StartAsync(
                Contestants.Ours(level, "", [.. acknowledge, .. keep]));
            string[] read = level == "none" ? [] : ["--ack"];
            Report full = await SendAsync(server.Port, read);
            Report? paced = level == "none"
                ? null
                : await SendAsync(server.Port, [.. read, "--rate", PacketsPerSecond.ToString(CultureInfo.InvariantCulture)]);
            _runs.Add((level, full.Packets.PerSecond, paced?.LatencyMicroseconds.Acknowledgement.P99));
            await server.StopAsync();
        }
        finally
        {
            store.Delete(recursive: true);
        }
    }

    private async Task<Report> SendAsync(int port, string[] options)
    {
        string file = Path.GetTempFileName();
        try
        {
            ChildRun run = await ChildRun.RunAsync(
                BuiltPrograms.LoadClient,
                [
                    "--port", $"{port}", "--connections", $"{Connections}", "--log-directory", "none", "--json", file,
                    "--duration", ((int)(1000 * plan.Seconds)).ToString(CultureInfo.InvariantCulture) + "ms", .. options,
                ],
                TimeSpan.FromSeconds(plan.Seconds) + Overhead);
            return run.ExitCode == ExitCode.Success
                && JsonSerializer.Deserialize<Report>(await File.ReadAllBytesAsync(file), JsonSerializerOptions.Web) is { } report
                    ? report
                    : throw new StartupException($"the load client failed with exit code {run.ExitCode}: {run.Errors.Trim()}");
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>The fields read from the load client's <c>--json</c>.</summary>
    private sealed record Report(PacketCounts Packets, Latencies LatencyMicroseconds);

    private sealed record PacketCounts(double PerSecond);

    private sealed record Latencies(Latency Acknowledgement);

    private sealed record Latency(double P99);
}
