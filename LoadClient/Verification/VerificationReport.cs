using System.Globalization;
using DotNettyFraming.Hosting;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>The verdicts of <c>--verify</c>.</summary>
internal enum VerificationResult
{
    Exact, // the server processed exactly the packets that were sent, and received exactly their bytes
    WithinRange, // it processed as many as can have been sent; how many those are is not known exactly (SentTotals)
    Different, // it processed more or fewer, received more or fewer bytes, dropped packets, or restarted meanwhile
    NotAtRest, // it did not come to rest in time, so there is nothing to compare with
    StatisticsLost, // its statistics could be read before the run and not after it
}

/// <summary>The verdict of <c>--verify</c>, and the figures behind it.</summary>
/// <remarks>
/// <c>Difference</c> is what the server counted between the readings before and after, null if they cannot be compared; <c>Reason</c> is
/// what figures alone do not tell, and may quote the server.
/// </remarks>
internal sealed record VerificationReport(
    VerificationResult Result, SentTotals Sent, ServerStatistics? Difference, TimeSpan Waited, string? Reason = null)
{
    /// <summary>Whether the run is as good as it can be known to be; otherwise the exit code is 3.</summary>
    public bool Passed => Result is VerificationResult.Exact or VerificationResult.WithinRange;

    /// <summary>The verdict in one line; control characters, which the server may have put into a reason, are escaped.</summary>
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

/// <summary>What the client knows that it has sent.</summary>
/// <remarks>
/// Only if the server answered our FIN with its own is it certain that it read everything. What became of the last bytes on a connection
/// that the server closed or reset, or that was abandoned, cannot be known from this side. Hence ranges.
/// </remarks>
/// <param name="Packets">Whole packets.</param>
/// <param name="Bytes">Bytes, those of packets that were cut off included.</param>
internal sealed record SentTotals(CountRange Packets, CountRange Bytes)
{
    /// <summary>Adds what may have been sent to what was sent with certainty; hostile peers' bytes are never certain.</summary>
    public static SentTotals Of(long certainPackets, long certainBytes, long uncertainPackets = 0, long uncertainBytes = 0) => new(
        new CountRange(certainPackets, certainPackets + uncertainPackets),
        new CountRange(certainBytes, certainBytes + uncertainBytes));

    /// <summary>Compares with what the server counted; dropped packets are a difference, however many were sent.</summary>
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

/// <summary>A count of which only the bounds are known, both included.</summary>
internal readonly record struct CountRange
{
    /// <summary>Sets the bounds, of which neither is negative.</summary>
    public CountRange(long atLeast, long atMost)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(atLeast);
        ArgumentOutOfRangeException.ThrowIfLessThan(atMost, atLeast);
        AtLeast = atLeast;
        AtMost = atMost;
    }

    public long AtLeast { get; }
    public long AtMost { get; }
    public bool IsExact => AtLeast == AtMost;

    public bool Contains(long count) => MissingFrom(count) == 0 && ExcessOf(count) == 0;

    /// <summary>Returns how many are certainly missing if only <paramref name="count"/> have come.</summary>
    public long MissingFrom(long count) => Math.Max(0, AtLeast - count);

    /// <summary>Returns how many of <paramref name="count"/> are certainly too many.</summary>
    public long ExcessOf(long count) => Math.Max(0, count - AtMost);

    /// <summary><c>100</c>, or <c>98 to 100</c>.</summary>
    public override string ToString() =>
        IsExact ? AtMost.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{AtLeast} to {AtMost}");
}
