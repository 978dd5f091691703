using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary><c>--verify</c>: compares the server's statistics before and after the run with what was sent. One thread at a time.</summary>
internal sealed class Verifier : IDisposable
{
    /// <summary>Two readings of whole seconds, and our clock, can disagree by this much about the server's uptime.</summary>
    private const double UptimeTolerance = 2;

    private const int MaxAttempts = 3; // requests that may fail in a row after a run; before it, one failure is enough
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100); // the pause between two readings
    private static readonly TimeSpan MaxRest = TimeSpan.FromSeconds(30); // how long the server may take to come to rest after a run

    /// <summary>The same before a run; then the run starts all the same, and a difference mentions it.</summary>
    private static readonly TimeSpan MaxRestBefore = TimeSpan.FromSeconds(3);

    private readonly IStatisticsSource _source;
    private readonly TimeProvider _clock;
    private readonly long _started;
    private ServerStatistics _before = Of(new Dictionary<string, long>());
    private string? _unrestBefore;

    private Verifier(IStatisticsSource source, TimeProvider clock)
    {
        _source = source;
        _clock = clock;
        _started = clock.GetTimestamp();
    }

    /// <summary>
    /// Reads the statistics before the run, at rest if the server comes to rest soon. The source is disposed with the verifier.
    /// </summary>
    /// <exception cref="StartupException">The server cannot be reached, or what answers is not our server.</exception>
    public static async Task<Verifier> BeginAsync(IStatisticsSource source, TimeProvider clock, CancellationToken cancellationToken)
    {
        try
        {
            // Nothing is due: what others have sent before is not known here.
            Outcome before = await new Verifier(source, clock).UntilRestAsync(
                new RestWatch(0, 0), null, MaxRestBefore, attempts: 1, cancellationToken);
            return before.Fault is null
                ? new Verifier(source, clock) { _before = before.Latest!, _unrestBefore = before.Unrest }
                : throw new StartupException($"--verify {source.Name}: {before.Fault}");
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Waits until the server is at rest, in bounded time, and compares.</summary>
    /// <param name="sent">What was sent.</param>
    /// <param name="cancellationToken">Gives up without a verdict; not for a signal that ends the run: what was sent is verified.</param>
    public async Task<VerificationReport> EndAsync(SentTotals sent, CancellationToken cancellationToken)
    {
        var watch = new RestWatch(_before[PacketsReceived] + sent.Packets.AtLeast, _before[BytesReceived] + sent.Bytes.AtLeast);
        Outcome after = await UntilRestAsync(watch, _before, MaxRest, MaxAttempts, cancellationToken);
        // Counters of another process are nothing to subtract from.
        ServerStatistics? difference = after.Restart is null ? after.Latest?.Since(_before) : null;
        (VerificationResult result, string? reason) = after switch
        {
            { Fault: string fault } => (VerificationResult.StatisticsLost, $"{_source.Name}: {fault}"),
            { Restart: string restart } => (VerificationResult.Different, $"the server restarted meanwhile: {restart}"),
            { Unrest: string unrest } => (VerificationResult.NotAtRest, unrest),
            _ => (sent.CompareWith(difference!), null),
        };
        if (difference is not null && (result is VerificationResult.Different or VerificationResult.NotAtRest)
            && Guess(sent, difference, after.Latest![Uptime]) is string guess)
        {
            reason = reason is null ? guess : $"{reason}; {guess}";
        }

        return new VerificationReport(result, sent, difference, after.Waited, reason);
    }

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();

    /// <summary>Returns what may explain a difference; it changes no verdict.</summary>
    private string? Guess(SentTotals sent, ServerStatistics difference, long uptimeSeconds)
    {
        if (uptimeSeconds + UptimeTolerance < _clock.GetElapsedTime(_started).TotalSeconds)
        {
            return $"the server has been up for {uptimeSeconds} s, less than this run took: it seems to have restarted meanwhile";
        }

        return _unrestBefore is not null ? $"the server was not at rest before the run: {_unrestBefore}"
            : sent.Packets.ExcessOf(difference[PacketsProcessed]) > 0 || sent.Bytes.ExcessOf(difference[BytesReceived]) > 0
                ? "somebody else may be sending to this server"
                : null;
    }

    /// <summary>Reads until the server is at rest, has restarted, no longer answers, or time is up.</summary>
    private async Task<Outcome> UntilRestAsync(
        RestWatch watch, ServerStatistics? previous, TimeSpan limit, int attempts, CancellationToken cancellationToken)
    {
        long started = _clock.GetTimestamp();
        ServerStatistics? latest = null;
        for (int failed = 0; ;)
        {
            (ServerStatistics? current, string? unrest) = await _source.ReadAsync(cancellationToken);
            TimeSpan waited = _clock.GetElapsedTime(started);
            if (current is null && (++failed == attempts || (latest is null && waited >= limit)))
            {
                return new Outcome(latest, waited) { Fault = unrest };
            }

            if (current is not null)
            {
                failed = 0;
                latest = current;
                if (previous is not null && current.WentBackFrom(previous) is string restart)
                {
                    return new Outcome(latest, waited) { Restart = restart };
                }

                previous = current;
                unrest = watch.Observe(current, waited);
            }

            if (unrest is null || waited >= limit)
            {
                return new Outcome(latest, waited) { Unrest = unrest };
            }

            await Task.Delay(Interval, _clock, cancellationToken);
        }
    }

    /// <summary>How waiting for rest ended: the server is at rest if all of the reasons are null.</summary>
    private sealed record Outcome(ServerStatistics? Latest, TimeSpan Waited)
    {
        public string? Unrest { get; init; }

        public string? Restart { get; init; }

        public string? Fault { get; init; }
    }
}

/// <summary>
/// Decides from reading to reading whether the server is at rest: everything that reached it is done, and nothing more comes.
/// </summary>
/// <remarks>
/// Two equal readings are not enough: packets may wait for a slow processor, and bytes in socket buffers are in no counter yet. So while
/// less has come than must, the counters have to stand still for longer.
/// </remarks>
/// <param name="packetsDue">The packets received at least, once everything has come.</param>
/// <param name="bytesDue">The bytes received at least.</param>
internal sealed class RestWatch(long packetsDue, long bytesDue)
{
    /// <summary>
    /// How long counters stand still until what has not come counts as lost: a lost segment is sent again after 200 ms or more.
    /// </summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(3);

    private ServerStatistics? _latest;
    private TimeSpan _unchangedSince;

    /// <summary>Takes the next reading, and returns null at rest, otherwise why the server is not at rest.</summary>
    public string? Observe(ServerStatistics reading, TimeSpan at)
    {
        bool changed = _latest is null || !reading.CountsTheSameAs(_latest);
        _latest = reading;
        if (changed)
        {
            _unchangedSince = at;
        }

        if (reading.PacketsPending != 0)
        {
            return reading.PacketsPending > 0
                ? $"packets received and not yet processed: {reading.PacketsPending}"
                : $"packets processed or dropped without having been received: {-reading.PacketsPending}";
        }

        if (reading.BytesAccountedFor != reading[BytesReceived])
        {
            return $"bytes.received is {reading[BytesReceived]}, and 7 × packets.received + payload + discarded + unfinished is "
                + $"{reading.BytesAccountedFor}";
        }

        if (changed)
        {
            return "its counters were changing";
        }

        bool allHasCome = reading[PacketsReceived] >= packetsDue && reading[BytesReceived] >= bytesDue;
        return allHasCome || at - _unchangedSince >= Quiet
            ? null
            : $"less has come than was sent, and the counters have not stood still for {DurationText.Format(Quiet)} yet";
    }
}
