using System.Runtime.InteropServices;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>The tables of a run, in the order of the page. Whatever else a run finds out is one more of them.</summary>
internal static class RunTables
{
    /// <summary>All that have a row.</summary>
    public static IEnumerable<HtmlTable> Of(RunReport report) =>
        new[] { Sent(report), Latencies(report), Connections(report), Machine(report.Options) }.Where(table => table.Rows.Count > 0);

    /// <summary>What a kind of latency is called.</summary>
    public static string NameOf(LatencyKind kind) => kind.ToString().ToLowerInvariant();

    private static HtmlTable Sent(RunReport report) => new(
        $"Sent in {Quantity.Seconds(report.Sending)}",
        ["", "in all", "a second"],
        [
            ["packets", Quantity.Count(report.Totals.PacketsSent), Quantity.Count(report.PacketsPerSecond)],
            ["bytes", Quantity.Count(report.Totals.BytesSent), Quantity.Count(report.BytesPerSecond)],
        ])
    {
        HasFigures = true,
        Note = report.Totals.PacketsUnconfirmed == 0 ? null
            : $"Up to {Quantity.Counted(report.Totals.PacketsUnconfirmed, "more packet")} were under way when a connection ended.",
    };

    private static HtmlTable Latencies(RunReport report) => new(
        "Latency",
        ["", "measured", "p50", "p90", "p99", "p99.9", "max"],
        [
            .. report.Latencies.Keys.OrderDescending()
                .Select(kind => (Kind: kind, Latency: report.LatencyOf(kind)))
                .Where(row => row.Latency.Count > 0)
                .Select(row => (string[])
                [
                    NameOf(row.Kind),
                    Quantity.Count(row.Latency.Count),
                    Quantity.Microseconds(row.Latency.P50),
                    Quantity.Microseconds(row.Latency.P90),
                    Quantity.Microseconds(row.Latency.P99),
                    Quantity.Microseconds(row.Latency.P999),
                    Quantity.Microseconds(row.Latency.Max),
                ]),
        ])
    {
        HasFigures = true,
    };

    private static HtmlTable Connections(RunReport report) => new(
        "Connections",
        [],
        [
            ["asked for", Quantity.Count(report.Options.Connections)],
            [$"made in {Quantity.Seconds(report.Connecting)}", Quantity.Count(report.Totals.Connected)],
            .. CountsAbove0(report.Failures.Select(reason => ($"failed: {reason.Key}", reason.Value))),
            .. CountsAbove0([("not attempted", report.NotAttempted)]),
            .. CountsAbove0(Enum.GetValues<ConnectionEnd>().Select(end => ($"ended: {Summary.Words(end)}", report.Totals.Ended(end)))),
        ])
    {
        HasFigures = true,
    };

    private static IEnumerable<string[]> CountsAbove0(IEnumerable<(string Name, long Count)> counts) =>
        counts.Where(row => row.Count > 0).Select(row => (string[])[row.Name, Quantity.Count(row.Count)]);

    private static HtmlTable Machine(LoadOptions options) => new(
        "Sent from",
        [],
        [
            ["machine", $"{Quantity.Counted(Environment.ProcessorCount, "processor")}, {RuntimeInformation.OSArchitecture}"],
            ["system", $"{RuntimeInformation.OSDescription} (kernel {Environment.OSVersion.Version})"],
            ["runtime", RuntimeInformation.FrameworkDescription],
            ["transport", $"{options.Transport.ToString().ToLowerInvariant()}, {Quantity.Counted(options.EventLoops, "event loop")}"],
        ]);
}
