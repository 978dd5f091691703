using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Verification;
using HdrHistogram;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>A finished run, from which the summary, the JSON and the exit code are made.</summary>
internal sealed record RunReport
{
    public required LoadOptions Options { get; init; }

    public required int Allowed { get; init; } // connections that the machine's limits left of those asked for
    public required LoadTotals Totals { get; init; }

    public required IReadOnlyList<KeyValuePair<string, long>> Failures { get; init; } // attempts that failed, by reason
    public required TimeSpan Connecting { get; init; }

    /// <summary>From the first write to the end of sending: the stop, or the last write taken after it.</summary>
    public required TimeSpan Sending { get; init; }

    public required IReadOnlyDictionary<LatencyKind, LongHistogram> Latencies { get; init; } // all latencies of each kind, microseconds
    public required IReadOnlyList<SecondSample> Series { get; init; } // the run second by second, oldest first
    public required bool Interrupted { get; init; }

    /// <summary>Whether the connections ended before the duration did, or before all of <c>--packets</c> were sent.</summary>
    public required bool RanOutOfConnections { get; init; }

    public AbuseOutcome? Abuse { get; init; } // the attack and how the others fared; null without one
    public VerificationReport? Verification { get; init; } // what the server's statistics say; null where they were not asked

    /// <summary>What was sent, as far as is known: with certainty only what went over connections whose end the server answered.</summary>
    public SentTotals Sent => SentTotals.Of(
        Totals.PacketsAnswered,
        Totals.BytesAnswered,
        Totals.PacketsSent - Totals.PacketsAnswered + Totals.PacketsUnconfirmed + (Abuse?.Attack.Totals.PacketsAtMost ?? 0),
        Totals.BytesSent - Totals.BytesAnswered + Totals.BytesUnconfirmed + (Abuse?.Attack.Totals.BytesAtMost ?? 0));

    /// <summary>How the timetable was kept; null without <c>--rate</c>.</summary>
    /// <remarks>Fewer packets than the rate are no fault where a signal ended the run or the connections were still being made.</remarks>
    public RateReport? Rate => Options.Rate is long asked
        ? new RateReport(asked, PacketsPerSecond, Totals.PacketsLate, Totals.PacketsUnsent)
        : null;

    public Latency LatencyOf(LatencyKind kind) =>
        Latencies.TryGetValue(kind, out LongHistogram? histogram) ? Latency.Of(histogram) : default;

    public long Failed => Failures.Sum(reason => reason.Value);

    /// <summary>Connections asked for that were neither made nor failed: capped, or given up.</summary>
    public long NotAttempted => Options.Connections - Totals.Connected - Failed;

    public double PacketsPerSecond => PerSecond(Totals.PacketsSent); // packets a second over Sending
    public double BytesPerSecond => PerSecond(Totals.BytesSent); // bytes a second over Sending

    /// <summary>What the process returns.</summary>
    public int ExitCode =>
        Totals.Connected == 0 && !Interrupted ? Hosting.ExitCode.CannotRun
        : Verification is { Passed: false } ? LoadExitCode.VerificationFailed
        : Abuse is { Attack.AnyOutlivedDeadline: true } ? LoadExitCode.HostileConnectionOutlived
        : Failed > 0 || Allowed < Options.Connections || RanOutOfConnections ? LoadExitCode.SomeConnectionsFailed
        : Hosting.ExitCode.Success;

    private double PerSecond(long count) => Sending > TimeSpan.Zero ? count / Sending.TotalSeconds : 0;
}

/// <summary>How a run with <c>--rate</c> kept its timetable.</summary>
/// <param name="Asked">Packets a second asked for.</param>
/// <param name="Achieved">Packets a second sent, over the time of sending.</param>
/// <param name="Late">Packets sent that were begun more than a millisecond after they were due.</param>
/// <param name="Unsent">Packets that were due and never begun, as their connection ended or the server took nothing to the end.</param>
internal sealed record RateReport(long Asked, double Achieved, long Late, long Unsent)
{
    public const double Tolerance = 0.01; // the share of the asked rate within which a run counts as having kept it
    public bool IsKept => Achieved >= Asked * (1 - Tolerance); // whether the rate was kept, within Tolerance
}
