using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Acknowledging;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.LoadClient.Verification;
using HdrHistogram;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>The results of a run, for the summary, the reports and the exit code.</summary>
internal sealed record RunReport
{
    public required LoadOptions Options { get; init; }

    public required int Allowed { get; init; } // of the requested connections, those that the machine's limits allow
    public required LoadTotals Totals { get; init; }

    public required IReadOnlyList<KeyValuePair<string, long>> Failures { get; init; } // failed attempts by reason
    public required TimeSpan Connecting { get; init; }

    /// <summary>The time from the first write to the end of the run, or to the last write taken after it.</summary>
    public required TimeSpan Sending { get; init; }

    public required IReadOnlyDictionary<LatencyKind, LongHistogram> Latencies { get; init; } // microseconds
    public required IReadOnlyList<SecondSample> Series { get; init; } // oldest first
    public IReadOnlyList<AckLine>? AckLines { get; init; } // null without --ack-log
    public string? AckFault { get; init; } // the first wrong acknowledgement
    public required bool Interrupted { get; init; }

    /// <summary>Whether all connections ended before the duration did, or before all of <c>--packets</c> were sent.</summary>
    public required bool RanOutOfConnections { get; init; }

    public AbuseOutcome? Abuse { get; init; } // null without --abuse
    public VerificationReport? Verification { get; init; } // null without --verify

    /// <summary>The packets and bytes sent; certain only for connections where the server answered our FIN.</summary>
    public SentTotals Sent => SentTotals.Of(
        Totals.PacketsAnswered,
        Totals.BytesAnswered,
        Totals.PacketsSent + Totals.PacketsResent - Totals.PacketsAnswered + Totals.PacketsUnconfirmed
            + (Abuse?.Attack.Totals.PacketsAtMost ?? 0),
        Totals.BytesSent - Totals.BytesAnswered + Totals.BytesUnconfirmed + (Abuse?.Attack.Totals.BytesAtMost ?? 0));

    public RateReport? Rate => Options.Rate is long asked
        ? new RateReport(asked, PacketsPerSecond, Totals.PacketsLate, Totals.PacketsUnsent)
        : null;

    public Latency LatencyOf(LatencyKind kind) =>
        Latencies.TryGetValue(kind, out LongHistogram? histogram) ? Latency.Of(histogram) : default;

    public long Failed => Failures.Sum(reason => reason.Value);

    public long NotAttempted => Options.Connections - Totals.Connected - Failed; // capped, or cancelled by a signal

    public double PacketsPerSecond => PerSecond(Totals.PacketsSent);
    public double BytesPerSecond => PerSecond(Totals.BytesSent);

    public int ExitCode =>
        Totals.Connected == 0 && !Interrupted ? Hosting.ExitCode.CannotRun
        : Verification is { Passed: false } || Totals.Ended(ConnectionEnd.WrongAcknowledgement) > 0 ? LoadExitCode.VerificationFailed
        : Abuse is { Attack.AnyOutlivedDeadline: true } ? LoadExitCode.HostileConnectionOutlived
        : Failed > 0 || Totals.Lost > 0 || Allowed < Options.Connections || RanOutOfConnections ? LoadExitCode.SomeConnectionsFailed
        : Hosting.ExitCode.Success;

    private double PerSecond(long count) => Sending > TimeSpan.Zero ? count / Sending.TotalSeconds : 0;
}

/// <summary>The results of <c>--rate</c>.</summary>
/// <param name="Asked">Packets per second asked for.</param>
/// <param name="Achieved">Packets per second sent.</param>
/// <param name="Late">Packets whose write started more than a millisecond after they were due.</param>
/// <param name="Unsent">Packets that were due when their connection ended.</param>
internal sealed record RateReport(long Asked, double Achieved, long Late, long Unsent)
{
    public const double Tolerance = 0.01;

    public bool IsKept => Achieved >= Asked * (1 - Tolerance);
}
