using System.Globalization;
using System.Text;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>The text before and after a run.</summary>
internal static class Summary
{
    /// <summary>Returns the line before the run.</summary>
    public static string Heading(LoadOptions options, int connections, string server)
    {
        string limit = (options.Packets, options.Duration) switch
        {
            (null, { } duration) => $"for {DurationText.Format(duration)}",
            ({ } packets, null) => $"{Count(packets, "packet")} in all",
            ({ } packets, { } duration) => $"{Count(packets, "packet")} in all, at most for {DurationText.Format(duration)}",
            _ => "without end",
        };
        string rate = options.Rate is long asked ? $"{asked} per second, " : "";
        string what = options.RawFile is null ? $"packets of {options.Payload.DescribePackets()}" : $"packets from {options.RawFile}";
        string split = options.Split is SplitMode mode ? $", split ({Choice(mode)})" : "";
        return $"{Count(connections, "connection")} to {server}{(options.Tls ? " with TLS" : "")}: "
            + $"{what}, {options.PacketsPerWrite} per write{split}, "
            + $"{rate}{limit} (seed {options.Seed})";
    }

    /// <summary>Returns the figures after the run, one per line.</summary>
    public static string Of(RunReport report)
    {
        var text = new StringBuilder();
        LoadTotals totals = report.Totals;
        Line("connections", $"{totals.Connected} made in {Seconds(report.Connecting)}, {report.Failed} failed"
            + (report.NotAttempted > 0 ? $", {report.NotAttempted} not attempted" : "")
            + (totals.Reconnected > 0 ? $"; made again {Count(totals.Reconnected, "time")}" : ""));
        if (totals.Connected > 0)
        {
            LatencyLine("connect latency", report.LatencyOf(LatencyKind.Connect));
        }

        Line("packets sent", $"{totals.PacketsSent} in {Seconds(report.Sending)}: {Number(report.PacketsPerSecond, "F0")} per second"
            + (totals.PacketsResent > 0 ? $"; {totals.PacketsResent} sent again" : "")
            + (totals.PacketsUnconfirmed > 0 ? $"; up to {totals.PacketsUnconfirmed} more were under way when a connection ended" : ""));
        Line("bytes sent", $"{totals.BytesSent}: {Number(report.BytesPerSecond / 1e6, "F1")} MB per second");
        if (report.Rate is { } rate)
        {
            Line("rate", $"{Number(rate.Achieved, "F1")} of {rate.Asked} packets per second; {rate.Late} late, {rate.Unsent} not sent");
        }

        if (report.LatencyOf(LatencyKind.Write) is { Count: > 0 } write)
        {
            LatencyLine("write latency", write);
        }

        if (report.Options.Ack)
        {
            Line("acknowledged", $"{Count(totals.PacketsAcknowledged, "packet")}, {totals.PacketsUnacknowledged} not");
            PhaseLine("ack latency", report.LatencyOf(LatencyKind.Acknowledgement));
        }

        Line("connections ended", string.Join(", ", Enum.GetValues<ConnectionEnd>()
            .Where(end => totals.Ended(end) > 0)
            .Select(end => $"{totals.Ended(end)} {Words(end)}")
            .DefaultIfEmpty("none")));
        if (report.Abuse is { } abuse)
        {
            foreach (string line in abuse.Attack.Describe())
            {
                text.AppendLine(line);
            }

            PhaseLine("writes before", abuse.Before);
            PhaseLine("writes during", abuse.During);
            PhaseLine("writes after", abuse.After);
        }

        if (report.Verification is { Passed: true } verification)
        {
            Line("verification", verification.Line);
        }

        return text.ToString();

        void PhaseLine(string name, Latency latency)
        {
            if (latency.Count > 0)
            {
                LatencyLine(name, latency);
            }
        }

        void LatencyLine(string name, Latency latency) => Line(
            name,
            $"p50 {latency.P50} us, p90 {latency.P90} us, p99 {latency.P99} us, p99.9 {latency.P999} us, max {latency.Max} us");

        void Line(string name, string value) => text.Append(name.PadRight(18)).Append(' ').AppendLine(value);
    }

    /// <summary>Returns what went wrong, one problem per line, for standard error.</summary>
    public static IEnumerable<string> Complaints(RunReport report, string server)
    {
        string reasons = string.Join(", ", report.Failures.Select(reason => $"{reason.Value} {reason.Key}"));
        if (report.Failed > 0 && report.Totals.Connected == 0)
        {
            yield return $"no connection could be made to {server}: {Count(report.Failed, "attempt")} failed ({reasons})";
        }
        else if (report.Failed > 0)
        {
            yield return $"{report.Failed} of {report.Options.Connections} connections could not be made: {reasons}";
        }

        if (report.Verification is { Passed: false } verification)
        {
            yield return $"verification failed: {verification.Line}";
        }

        if (report.AckFault is not null)
        {
            yield return $"{Count(report.Totals.Ended(ConnectionEnd.WrongAcknowledgement), "connection")} had a wrong acknowledgement; "
                + $"the first: {report.AckFault}";
        }

        if (report.Options.Ack && report.Totals.PacketsUnacknowledged is > 0 and long missing)
        {
            yield return $"{Count(missing, "packet")} {(missing == 1 ? "was" : "were")} not acknowledged";
        }

        if (report.Totals.Lost > 0)
        {
            yield return $"{Count(report.Totals.Lost, "connection")} could not be made again";
        }

        if (report.Abuse is { Attack: { AnyOutlivedDeadline: true } attack })
        {
            yield return $"{Count(attack.Totals.Ended(HostileEnd.StillOpen), "hostile connection")} outlived "
                + $"{DurationText.Format(attack.Options.Deadline)} (--abuse-deadline)";
        }

        if (report.Rate is { IsKept: false } rate && !report.Interrupted && !report.RanOutOfConnections && report.Options.RampUp is null)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"the rate was not kept: {rate.Achieved:F1} of {rate.Asked} packets per second");
        }

        if (report.RanOutOfConnections)
        {
            yield return $"the connections ended before the run did, with {Count(report.Totals.PacketsSent, "packet")} sent"
                + (report.Options.Packets is long packets ? $" of {packets}" : "");
        }
    }

    private static string Seconds(TimeSpan time) => $"{Number(time.TotalSeconds, "F2")} s";

    internal static string Count(long number, string noun) => number == 1 ? $"1 {noun}" : $"{number} {noun}s";

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Choice<T>(T value)
        where T : Enum => value.ToString().ToLowerInvariant();

    /// <summary>Returns an end of connections, worded to follow their number.</summary>
    internal static string Words(ConnectionEnd end) => end switch
    {
        ConnectionEnd.Completed => "by us when done",
        ConnectionEnd.CloseTimedOut => "by us, the server not answering",
        ConnectionEnd.FlushTimedOut => "by us with the last write not taken",
        ConnectionEnd.ClosedByServer => "closed by the server",
        ConnectionEnd.ResetByServer => "reset by the server",
        ConnectionEnd.WrongAcknowledgement => "by us after a wrong acknowledgement",
        _ => "failed",
    };
}
