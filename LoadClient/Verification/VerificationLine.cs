using System.Globalization;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>A verdict in one line: what it is, then both figures of packets and of bytes, then what may explain them.</summary>
internal static class VerificationLine
{
    /// <summary>Words it. Control characters, which the server may have put into a reason, are escaped.</summary>
    public static string Of(VerificationReport report) => ControlCharacters.Escape(report.Result switch
    {
        VerificationResult.Exact => $"verified: {Both(report.Sent)} sent, the server processed just these",
        VerificationResult.WithinRange =>
            $"within what can be known: {Figures(report)} (what went over connections that did not end orderly is not certain)",
        VerificationResult.Different => $"different: {Figures(report)}{Because(report)}",
        VerificationResult.NotAtRest => $"not at rest after {Seconds(report.Waited)}: {Figures(report)}{Because(report)}",
        _ => $"statistics lost: {Figures(report)}{Because(report)}",
    });

    private static string Figures(VerificationReport report)
    {
        (SentTotals sent, ServerStatistics? server) = (report.Sent, report.Difference);
        return server is null
            ? $"{Both(sent)} sent"
            : $"{Count(sent.Packets, "packet")} sent, {server.PacketsProcessed} processed{Off(sent.Packets, server.PacketsProcessed)}, "
                + $"{server.PacketsDropped} dropped; {Count(sent.Bytes, "byte")} sent, {server.BytesReceived} received"
                + Off(sent.Bytes, server.BytesReceived)
                + Unless0(server.BytesDiscarded, "discarded") + Unless0(server.BytesUnfinished, "unfinished");
    }

    private static string Both(SentTotals sent) => $"{Count(sent.Packets, "packet")} and {Count(sent.Bytes, "byte")}";

    private static string Off(CountRange sent, long count) =>
        (sent.MissingFrom(count), sent.ExcessOf(count)) switch
        {
            (0, 0) => "",
            (0, long tooMany) => $" ({tooMany} too many)",
            (long tooFew, _) => $" ({tooFew} too few)",
        };

    private static string Unless0(long count, string what) => count == 0 ? "" : $", {count} {what}";

    private static string Because(VerificationReport report) => report.Reason is null ? "" : $"; {report.Reason}";

    private static string Count(CountRange range, string noun) => range is { IsExact: true, AtMost: 1 } ? $"1 {noun}" : $"{range} {noun}s";

    private static string Seconds(TimeSpan time) => $"{time.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture)} s";
}
