using System.Runtime.InteropServices;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>The tables of a run, in the order of the page. Whatever else a run finds out is one more of them.</summary>
internal static class RunTables
{
    private static readonly string[] LatencyColumns = ["", "measured", "p50", "p90", "p99", "p99.9", "max"];

    /// <summary>All that have a row.</summary>
    public static IEnumerable<HtmlTable> Of(RunReport report) =>
        new[]
        {
            Sent(report), Latencies(report), Connections(report), Rate(report), Attack(report), Others(report), Verified(report),
            Machine(report.Options),
        }.Where(table => table.Rows.Count > 0);

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
        LatencyColumns,
        [
            .. report.Latencies.Keys.OrderDescending()
                .Select(kind => (Kind: kind, Latency: report.LatencyOf(kind)))
                .Where(row => row.Latency.Count > 0)
                .Select(row => RowOf(NameOf(row.Kind), row.Latency)),
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

    private static HtmlTable Rate(RunReport report) => new(
        "Rate",
        [],
        report.Rate is not { } rate ? [] :
        [
            ["packets a second asked for", Quantity.Count(rate.Asked)],
            ["achieved", Quantity.Count(rate.Achieved)],
            ["packets late by more than 1 ms", Quantity.Count(rate.Late)],
            ["packets due and not sent", Quantity.Count(rate.Unsent)],
        ])
    {
        HasFigures = true,
    };

    private static HtmlTable Attack(RunReport report) => new(
        $"Hostile peers: {(report.Abuse is { } abuse ? AbuseKindName.Of(abuse.Attack.Options.Kind) : "none")}",
        [],
        report.Abuse is not { Attack: var attack } ? [] :
        [
            ["connections begun", Quantity.Count(attack.Totals.Attempts)],
            .. CountsAbove0(Enum.GetValues<HostileEnd>().Select(end => (attack.Words(end), attack.Totals.Ended(end)))),
            ["the server took (p50, p99, longest)", string.Join(
                ", ", new[] { attack.TimeToClose.P50, attack.TimeToClose.P99, attack.TimeToClose.Max }.Select(Quantity.Microseconds))],
        ])
    {
        HasFigures = true,
    };

    private static HtmlTable Others(RunReport report) => new(
        "Write latency of the ordinary connections",
        LatencyColumns,
        report.Abuse is not { } abuse ? [] :
        [
            RowOf("before the attack", abuse.Before),
            RowOf("during it", abuse.During),
            RowOf("after it", abuse.After),
        ])
    {
        HasFigures = true,
    };

    private static HtmlTable Verified(RunReport report) => new(
        "Verification",
        [],
        report.Verification is not { } verification ? [] :
        [
            ["verdict", verification.Line],
            ["packets sent", $"{verification.Sent.Packets}"],
            ["packets processed", $"{verification.Difference?.PacketsProcessed}"],
            ["bytes sent", $"{verification.Sent.Bytes}"],
            ["bytes received", $"{verification.Difference?.BytesReceived}"],
        ]);

    private static string[] RowOf(string name, Latency latency) =>
    [
        name,
        Quantity.Count(latency.Count),
        Quantity.Microseconds(latency.P50),
        Quantity.Microseconds(latency.P90),
        Quantity.Microseconds(latency.P99),
        Quantity.Microseconds(latency.P999),
        Quantity.Microseconds(latency.Max),
    ];

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
