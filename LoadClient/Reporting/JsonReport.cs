using System.Text.Json;
using System.Text.Json.Serialization;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.LoadClient.Verification;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>The report of <c>--json</c>. Scripts rely on its names: fields may be added, none renamed.</summary>
internal sealed record JsonReport(
    JsonConnections Connections,
    JsonPackets Packets,
    JsonBytes Bytes,
    double Seconds,
    double ConnectSeconds,
    IReadOnlyDictionary<string, Latency> LatencyMicroseconds,
    RateReport? Rate,
    JsonAbuse? Abuse,
    JsonVerification? Verification,
    int Seed,
    bool Interrupted,
    IEnumerable<JsonSample> Series)
{
    public static JsonReport Of(RunReport report) => new(
        new JsonConnections(
            report.Options.Connections,
            report.Totals.Connected,
            report.Failed,
            report.Totals.EndedByServer,
            report.NotAttempted,
            report.Totals.Reconnected,
            report.Totals.Lost,
            report.Failures.ToDictionary(),
            Named<ConnectionEnd>(report.Totals.Ended)),
        new JsonPackets(
            report.Options.Packets,
            report.Totals.PacketsSent,
            report.PacketsPerSecond,
            report.Totals.PacketsUnconfirmed,
            report.Totals.PacketsResent,
            report.Options.Ack ? report.Totals.PacketsAcknowledged : null,
            report.Options.Ack ? report.Totals.PacketsUnacknowledged : null),
        new JsonBytes(report.Totals.BytesSent, report.BytesPerSecond),
        report.Sending.TotalSeconds,
        report.Connecting.TotalSeconds,
        report.Latencies.Keys.ToDictionary(kind => JsonNamingPolicy.CamelCase.ConvertName(kind.ToString()), report.LatencyOf),
        report.Rate,
        report.Abuse is { } abuse ? Of(abuse) : null,
        report.Verification is { } verification ? Of(verification) : null,
        report.Options.Seed,
        report.Interrupted,
        report.Series.Select(sample => new JsonSample(
            sample.End.TotalSeconds,
            sample.PacketsPerSecond,
            sample.BytesPerSecond,
            sample.Open,
            sample.Late,
            report.Options.Ack ? sample.AcknowledgedPerSecond : null,
            new JsonSampleLatency(sample.Connect, sample.Write, report.Options.Ack ? sample.Acknowledgement : null))));

    /// <summary>Returns the report as UTF-8 with a line break at its end.</summary>
    public static byte[] Serialize(RunReport report) =>
        [.. JsonSerializer.SerializeToUtf8Bytes(Of(report), JsonReportContext.Default.JsonReport), (byte)'\n'];

    private static JsonAbuse Of(AbuseOutcome outcome) => new(
        outcome.Attack.Options.Kind.Name,
        outcome.Attack.Totals.Attempts,
        outcome.Attack.Totals.Made,
        outcome.Attack.Totals.HeldBack,
        Named<HostileEnd>(outcome.Attack.Totals.Ended),
        outcome.Attack.Refusals.ToDictionary(),
        outcome.Attack.TimeToClose,
        new JsonAbuseLatency(outcome.Before, outcome.During, outcome.After));

    private static JsonVerification Of(VerificationReport report) => new(
        report.Result.ToString(),
        new JsonVerifiedPackets(
            report.Sent.Packets.AtLeast,
            report.Sent.Packets.AtMost,
            report.Difference?[ServerStatistics.PacketsProcessed],
            report.Difference?[ServerStatistics.PacketsDropped]),
        new JsonVerifiedBytes(report.Sent.Bytes.AtLeast, report.Sent.Bytes.AtMost, report.Difference?[ServerStatistics.BytesReceived]),
        report.Waited.TotalSeconds,
        report.Reason,
        report.Line);

    private static Dictionary<string, long> Named<T>(Func<T, long> count)
        where T : struct, Enum => Enum.GetValues<T>().ToDictionary(value => value.ToString(), count);
}

internal sealed record JsonConnections(
    int Requested,
    long Connected,
    long Failed,
    long ClosedByServer,
    long NotAttempted,
    long Reconnected,
    long Lost,
    IReadOnlyDictionary<string, long> Failures,
    IReadOnlyDictionary<string, long> Ended);

internal sealed record JsonPackets(
    long? Requested, long Sent, double PerSecond, long Unconfirmed, long Resent, long? Acknowledged, long? Unacknowledged);

internal sealed record JsonBytes(long Sent, double PerSecond);

internal sealed record JsonSample(
    double AtSeconds,
    double PacketsPerSecond,
    double BytesPerSecond,
    long Open,
    long Late,
    double? AcknowledgedPerSecond,
    JsonSampleLatency LatencyMicroseconds);

internal sealed record JsonSampleLatency(Latency Connect, Latency Write, Latency? Acknowledgement);

internal sealed record JsonAbuse(
    string Kind,
    long Attempts,
    long Made,
    long HeldBack,
    IReadOnlyDictionary<string, long> Ended,
    IReadOnlyDictionary<string, long> Refusals,
    Latency TimeToCloseMicroseconds,
    JsonAbuseLatency WriteLatencyMicroseconds);

internal sealed record JsonAbuseLatency(Latency Before, Latency During, Latency After);

internal sealed record JsonVerification(
    string Result, JsonVerifiedPackets Packets, JsonVerifiedBytes Bytes, double WaitedSeconds, string? Reason, string Line);

internal sealed record JsonVerifiedPackets(long SentAtLeast, long SentAtMost, long? Processed, long? Dropped);

internal sealed record JsonVerifiedBytes(long SentAtLeast, long SentAtMost, long? Received);

/// <summary>The source-generated serializer of both reports.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(JsonReport))]
[JsonSerializable(typeof(HtmlReport))]
internal sealed partial class JsonReportContext : JsonSerializerContext;
