using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>The comparison of <c>--verify</c>: the server's statistics before and after the run with the packets sent.</summary>
internal sealed class Verifier : IDisposable
{
    private const double UptimeTolerance = 2; // seconds: uptimes are whole seconds, and the clocks differ
    private const int MaxAttempts = 3; // failed requests in a row after a run; before it, one failure is enough
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100); // between two readings
    private static readonly TimeSpan MaxRest = TimeSpan.FromSeconds(30); // for the server to come to rest after a run
    private static readonly TimeSpan MaxRestBefore = TimeSpan.FromSeconds(3); // before a run, which then starts anyway

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

    /// <summary>Reads the statistics before the run. The source is disposed with the verifier.</summary>
    /// <exception cref="StartupException">The server cannot be reached, or another program answers.</exception>
    public static async Task<Verifier> BeginAsync(IStatisticsSource source, TimeProvider clock, CancellationToken cancellationToken)
    {
        try
        {
            // Nothing is due: the number of packets that others sent before is unknown.
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
    public async Task<VerificationReport> EndAsync(SentTotals sent, CancellationToken cancellationToken)
    {
        var watch = new RestWatch(_before[PacketsReceived] + sent.Packets.AtLeast, _before[BytesReceived] + sent.Bytes.AtLeast);
        Outcome after = await UntilRestAsync(watch, _before, MaxRest, MaxAttempts, cancellationToken);
        // Counters of two processes cannot be subtracted.
        ServerStatistics? difference = after.Restart is null ? after.Latest?.Since(_before) : null;
        (VerificationResult result, string? reason) = after switch
        {
            { Fault: string fault } => (VerificationResult.StatisticsLost, $"{_source.Name}: {fault}"),
            { Restart: string restart } => (VerificationResult.Different, $"the server restarted during the run: {restart}"),
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

    public void Dispose() => _source.Dispose();

    /// <summary>Returns a possible explanation of a difference.</summary>
    private string? Guess(SentTotals sent, ServerStatistics difference, long uptimeSeconds)
    {
        if (uptimeSeconds + UptimeTolerance < _clock.GetElapsedTime(_started).TotalSeconds)
        {
            return $"the server has been up for {uptimeSeconds} s, less than this run took: it seems to have restarted";
        }

        return _unrestBefore is not null ? $"the server was not at rest before the run: {_unrestBefore}"
            : sent.Packets.ExcessOf(difference[PacketsProcessed]) > 0 || sent.Bytes.ExcessOf(difference[BytesReceived]) > 0
                ? "another client may be sending to this server"
                : null;
    }

    /// <summary>Reads until the server is at rest, has restarted or does not answer, or until the limit.</summary>
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

    /// <summary>The end of waiting; the server is at rest if all reasons are null.</summary>
    private sealed record Outcome(ServerStatistics? Latest, TimeSpan Waited)
    {
        public string? Unrest { get; init; }

        public string? Restart { get; init; }

        public string? Fault { get; init; }
    }
}

/// <summary>A judgement from several readings of whether the server is at rest: everything is processed, and nothing arrives.</summary>
/// <remarks>
/// Two equal readings are not enough: packets may wait for a slow processor, and no counter has the bytes in socket buffers. So while
/// less has arrived than is due, the counters must be constant for longer.
/// </remarks>
internal sealed class RestWatch(long packetsDue, long bytesDue)
{
    /// <summary>The time of constant counters after which missing packets are lost; a TCP retransmission takes 200 ms or more.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(3);

    private ServerStatistics? _latest;
    private TimeSpan _unchangedSince;

    /// <summary>Takes the next reading, and returns null at rest, otherwise a reason.</summary>
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
            : $"less has arrived than was sent, and the counters have not been constant for {DurationText.Format(Quiet)} yet";
    }
}
