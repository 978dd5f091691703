using System.Globalization;
using DotNettyFraming.Hosting;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>The results of <c>--verify</c>.</summary>
internal enum VerificationResult
{
    Exact, // the server processed exactly the packets sent, and received exactly their bytes
    WithinRange, // it processed a possible number, but the number sent is not known exactly (SentTotals)
    Different, // it processed or received another number, dropped packets, or restarted
    NotAtRest, // it did not come to rest in time
    StatisticsLost, // its statistics could be read before the run and not after it
}

/// <summary>The result of <c>--verify</c> with its figures.</summary>
/// <remarks>
/// <c>Difference</c> is the server's count during the run, null if the readings cannot be compared; <c>Reason</c> is text that explains
/// the result and may quote the server.
/// </remarks>
internal sealed record VerificationReport(
    VerificationResult Result, SentTotals Sent, ServerStatistics? Difference, TimeSpan Waited, string? Reason = null)
{
    /// <summary>Whether no difference was found; otherwise the exit code is 3.</summary>
    public bool Passed => Result is VerificationResult.Exact or VerificationResult.WithinRange;

    /// <summary>The result in one line; control characters of a quoted server are escaped.</summary>
    public string Line => ControlCharacters.Escape(Result switch
    {
        VerificationResult.Exact => $"verified: {Both} sent, the server processed just these",
        VerificationResult.WithinRange =>
            $"within what can be known: {Figures} (what went over connections that did not end orderly is not certain)",
        VerificationResult.Different => $"different: {Figures}{Because}",
        VerificationResult.NotAtRest =>
            $"not at rest after {Waited.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture)} s: {Figures}{Because}",
        _ => $"statistics lost: {Figures}{Because}",
    });

    private string Both => $"{Count(Sent.Packets, "packet")} and {Count(Sent.Bytes, "byte")}";
    private string Because => Reason is null ? "" : $"; {Reason}";

    private string Figures => Difference is not { } server
        ? $"{Both} sent"
        : $"{Count(Sent.Packets, "packet")} sent, {server[PacketsProcessed]} processed{Off(Sent.Packets, server[PacketsProcessed])}, "
            + $"{server[PacketsDropped]} dropped; {Count(Sent.Bytes, "byte")} sent, {server[BytesReceived]} received"
            + Off(Sent.Bytes, server[BytesReceived])
            + Unless0(server[BytesDiscarded], "discarded") + Unless0(server[BytesUnfinished], "unfinished");

    private static string Off(CountRange sent, long count) => (sent.MissingFrom(count), sent.ExcessOf(count)) switch
    {
        (0, 0) => "",
        (0, long tooMany) => $" ({tooMany} too many)",
        (long tooFew, _) => $" ({tooFew} too few)",
    };

    private static string Unless0(long count, string what) => count == 0 ? "" : $", {count} {what}";

    private static string Count(CountRange range, string noun) => range is { IsExact: true, AtMost: 1 } ? $"1 {noun}" : $"{range} {noun}s";
}

/// <summary>The packets and bytes sent, as ranges.</summary>
/// <remarks>
/// A server that answers our FIN with its own has read everything. How much it read of a connection that it closed or reset, or that was
/// abandoned, is unknown here.
/// </remarks>
internal sealed record SentTotals(CountRange Packets, CountRange Bytes)
{
    public static SentTotals Of(long certainPackets, long certainBytes, long uncertainPackets = 0, long uncertainBytes = 0) => new(
        new CountRange(certainPackets, certainPackets + uncertainPackets),
        new CountRange(certainBytes, certainBytes + uncertainBytes));

    /// <summary>Compares with the server's count; dropped packets are always a difference.</summary>
    public VerificationResult CompareWith(ServerStatistics difference)
    {
        if (difference[PacketsDropped] != 0
            || !Packets.Contains(difference[PacketsProcessed])
            || !Bytes.Contains(difference[BytesReceived]))
        {
            return VerificationResult.Different;
        }

        return Packets.IsExact && Bytes.IsExact ? VerificationResult.Exact : VerificationResult.WithinRange;
    }
}

/// <summary>A range of a count, both bounds included.</summary>
internal readonly record struct CountRange(long AtLeast, long AtMost)
{
    public bool IsExact => AtLeast == AtMost;

    public bool Contains(long count) => MissingFrom(count) == 0 && ExcessOf(count) == 0;

    /// <summary>Returns the number by which a count is below the range.</summary>
    public long MissingFrom(long count) => Math.Max(0, AtLeast - count);

    /// <summary>Returns the number by which a count is above the range.</summary>
    public long ExcessOf(long count) => Math.Max(0, count - AtMost);

    /// <summary><c>100</c>, or <c>98 to 100</c>.</summary>
    public override string ToString() =>
        IsExact ? AtMost.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{AtLeast} to {AtMost}");
}
