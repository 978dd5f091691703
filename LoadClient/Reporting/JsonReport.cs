using System.Text.Encodings.Web;
using System.Text.Json;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.LoadClient.Verification;

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
        report.Rate,
        Abuse = report.Abuse is { } abuse ? ShapeOf(abuse) : null,
        Verification = report.Verification is { } verification ? ShapeOf(verification) : null,
        report.Options.Seed,
        report.Interrupted,
        Series = report.Series.Select(sample => new
        {
            AtSeconds = sample.End.TotalSeconds,
            sample.PacketsPerSecond,
            sample.BytesPerSecond,
            sample.Open,
            sample.Late,
            LatencyMicroseconds = new { sample.Connect, sample.Write },
        }),
    };

    private static object ShapeOf(AbuseOutcome outcome) => new
    {
        Kind = AbuseKindName.Of(outcome.Attack.Options.Kind),
        outcome.Attack.Totals.Attempts,
        outcome.Attack.Totals.Made,
        outcome.Attack.Totals.HeldBack,
        Ended = Enum.GetValues<HostileEnd>().ToDictionary(end => end.ToString(), outcome.Attack.Totals.Ended),
        Refusals = outcome.Attack.Refusals.ToDictionary(reason => reason.Key, reason => reason.Value),
        TimeToCloseMicroseconds = outcome.Attack.TimeToClose,
        WriteLatencyMicroseconds = new { outcome.Before, outcome.During, outcome.After },
    };

    private static object ShapeOf(VerificationReport report) => new
    {
        Result = report.Result.ToString(),
        Packets = new
        {
            SentAtLeast = report.Sent.Packets.AtLeast,
            SentAtMost = report.Sent.Packets.AtMost,
            Processed = report.Difference?.PacketsProcessed,
            Dropped = report.Difference?.PacketsDropped,
        },
        Bytes = new
        {
            SentAtLeast = report.Sent.Bytes.AtLeast,
            SentAtMost = report.Sent.Bytes.AtMost,
            Received = report.Difference?.BytesReceived,
        },
        WaitedSeconds = report.Waited.TotalSeconds,
        report.Reason,
    };
}
