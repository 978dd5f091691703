using System.Globalization;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>The result of an attack.</summary>
internal sealed record AbuseReport
{
    public required AbuseOptions Options { get; init; }

    /// <summary>The planned time, or less if the attack was stopped or all peers had ended.</summary>
    public required TimeSpan AttackedFor { get; init; }

    public required AbuseTotals Totals { get; init; }

    /// <summary>The reasons why connections could not be made, the most frequent first.</summary>
    public required IReadOnlyList<KeyValuePair<string, long>> Refusals { get; init; }

    /// <summary>The reasons of connections that ended as <see cref="HostileEnd.Failed"/>, the most frequent first.</summary>
    public required IReadOnlyList<KeyValuePair<string, long>> Failures { get; init; }

    /// <summary>The time from the making of a connection until the server closed or reset it, microseconds.</summary>
    public required Latency TimeToClose { get; init; }

    /// <summary>Whether a connection was open at its deadline (exit code 5).</summary>
    public bool AnyOutlivedDeadline => Totals.Ended(HostileEnd.StillOpen) > 0;

    /// <summary>Returns lines for people; the first starts with the kind.</summary>
    public IEnumerable<string> Describe()
    {
        yield return Line(Options.Kind.Name, Peers() + ": " + string.Join(", ", Ends().DefaultIfEmpty("none came")));
        if (TimeToClose.Count > 0)
        {
            yield return Line("", $"the server took {Time(TimeToClose.P50)} (p50), {Time(TimeToClose.P99)} (p99), "
                + $"{Time(TimeToClose.Max)} (longest) to end one");
        }

        if (Refusals.Count > 0)
        {
            yield return Line("", "not made: " + Reasons(Refusals));
        }

        if (Failures.Count > 0)
        {
            yield return Line("", "failed: " + Reasons(Failures));
        }

        if (Totals.HeldBack > 0)
        {
            yield return Line("", $"{Totals.HeldBack} more were due by the rate and not started: {Options.Connections} were open already, "
                + "or attempts took too long");
        }

        static string Reasons(IEnumerable<KeyValuePair<string, long>> reasons) =>
            string.Join(", ", reasons.Select(reason => $"{reason.Value} {reason.Key}"));

        static string Line(string name, string value) => name.PadRight(18) + ' ' + value;
    }

    /// <summary>Returns an end of connections, worded to follow their number.</summary>
    public string Words(HostileEnd end) => end switch
    {
        HostileEnd.ClosedByServer => "closed by the server",
        HostileEnd.ResetByServer => "reset by the server",
        HostileEnd.Refused => "could not be made",
        HostileEnd.EndedItself => Options.Kind.EndsItself,
        HostileEnd.StillOpen => $"STILL OPEN after {DurationText.Format(Options.Deadline)}",
        HostileEnd.Interrupted => "open when the run was stopped",
        _ => "failed",
    };

    private string Peers()
    {
        string count = Totals.Attempts == 1 ? "1 peer" : $"{Totals.Attempts} peers";
        bool theyCameAgain = Options.RatePerSecond is not null || Options.Kind.ComesAgain;
        return theyCameAgain && AttackedFor > TimeSpan.Zero
            ? $"{count} ({Number(Totals.Attempts / AttackedFor.TotalSeconds, "F0")} per second)"
            : count;
    }

    private IEnumerable<string> Ends() =>
        Enum.GetValues<HostileEnd>().Where(end => Totals.Ended(end) > 0).Select(end => $"{Totals.Ended(end)} {Words(end)}");

    private static string Time(long microseconds) => microseconds switch
    {
        < 1_000 => $"{microseconds} us",
        < 1_000_000 => $"{Number(microseconds / 1e3, "F1")} ms",
        _ => $"{Number(microseconds / 1e6, "F2")} s",
    };

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}

/// <summary>An attack, and the write latency of the ordinary connections before, during and after it.</summary>
internal sealed record AbuseOutcome(AbuseReport Attack, Latency Before, Latency During, Latency After);
