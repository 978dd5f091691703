using System.Globalization;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Benchmarks.Report;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>The tables of a comparison of senders.</summary>
internal static class SendersTables
{
    private const string Spread = "Median (minimum–maximum) over the rounds.";

    /// <summary>Returns all tables.</summary>
    public static IReadOnlyList<ReportTable> From(SendersResult result) => [Sending(result), Connecting(result), Count(result)];

    private static ReportTable Sending(SendersResult result) => new(
        "Packets per second from one core",
        $"As fast as the bare server reads. The ratio is the load client's to the floor sender's in the same round. {Spread}",
        ["Load", "floor sender", "load client", "ratio", "floor sender's core"],
        [.. result.Loads.Select(load => (IReadOnlyList<string>)
        [
            Describe(load),
            Quantity.Spread(result.Figure(load, turn => turn.Floor.PacketsPerSecond), Quantity.Rate),
            Quantity.Spread(result.Figure(load, turn => turn.LoadClient.PacketsPerSecond), Quantity.Rate),
            Quantity.Spread(result.Figure(load, turn => turn.Ratio), Quantity.Ratio),
            Quantity.Spread(result.Figure(load, turn => turn.Floor.CpuSeconds!.Value / turn.Floor.Seconds), Quantity.Percent),
        ])]);

    private static ReportTable Connecting(SendersResult result) => new(
        "The load client's connections and memory",
        $"Time of connecting, failed connections in the worst round, and highest resident memory of the process. {Spread}",
        ["Load", "connected in", "floor sender in", "not made", "peak resident"],
        [.. result.Loads.Select(load => (IReadOnlyList<string>)
        [
            Describe(load),
            Quantity.Spread(result.Figure(load, turn => turn.LoadClient.ConnectSeconds), Quantity.Seconds),
            Quantity.Spread(result.Figure(load, turn => turn.Floor.ConnectSeconds), Quantity.Seconds),
            Integer((long)result.Figure(load, turn => turn.LoadClient.Failed)!.Max),
            Quantity.Spread(result.Figure(load, turn => turn.LoadClient.PeakResidentBytes), Quantity.Mebibytes),
        ])]);

    private static ReportTable Count(SendersResult result) => new(
        "Packets counted",
        "Packets that both report as sent, warm-up included, and packets that the server reports as processed.",
        ["Server", "sent", "processed", ""],
        [
            [
                result.Check.Contestant, Integer(result.Check.Sent), Integer(result.Check.Processed),
                result.Check.IsExact ? "all" : "DIFFERENT",
            ],
        ]);

    private static string Describe(Workload load) =>
        $"{load.Name}: {Integer(load.Connections)} conn, {Integer(load.PacketsPerWrite)} per write";

    private static string Integer(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
