using System.Text.Encodings.Web;
using System.Text.Json;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>The report as <c>--json</c> writes it. Scripts rely on its names: fields may be added, none renamed.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.Default,
    };

    /// <summary>The report as UTF-8 with a line break at its end.</summary>
    public static byte[] Serialize(RunReport report) =>
        [.. JsonSerializer.SerializeToUtf8Bytes(ShapeOf(report), Format), (byte)'\n'];

    private static object ShapeOf(RunReport report) => new
    {
        Connections = new
        {
            Requested = report.Options.Connections,
            report.Totals.Connected,
            report.Failed,
            ClosedByServer = report.Totals.EndedByServer,
            report.NotAttempted,
            Failures = report.Failures.ToDictionary(reason => reason.Key, reason => reason.Value),
            Ended = Enum.GetValues<ConnectionEnd>().ToDictionary(end => end.ToString(), report.Totals.Ended),
        },
        Packets = new
        {
            Requested = report.Options.Packets,
            Sent = report.Totals.PacketsSent,
            PerSecond = report.PacketsPerSecond,
            Unconfirmed = report.Totals.PacketsUnconfirmed,
        },
        Bytes = new { Sent = report.Totals.BytesSent, PerSecond = report.BytesPerSecond },
        Seconds = report.Sending.TotalSeconds,
        ConnectSeconds = report.Connecting.TotalSeconds,
        LatencyMicroseconds = report.Latencies.Keys.ToDictionary(
            kind => JsonNamingPolicy.CamelCase.ConvertName(kind.ToString()), report.LatencyOf),
        report.Options.Seed,
        report.Interrupted,
    };
}
