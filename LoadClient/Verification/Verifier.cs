using DotNettyFraming.Hosting;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary><c>--verify</c>: reads the server's statistics before the run and after it, and compares what is between with what was sent.</summary>
/// <remarks>
/// <code>
/// using Verifier verifier = await Verifier.BeginAsync(url, TimeProvider.System, stop);
/// // connect, send, close
/// VerificationReport report = await verifier.EndAsync(SentTotals.Of(100_000, 3_200_000), CancellationToken.None);
/// </code>
/// Not for several threads at a time.
/// </remarks>
internal sealed class Verifier : IDisposable
{
    /// <summary>Two readings of whole seconds, and our clock, can disagree by that much about how long the server runs.</summary>
    private const double UptimeTolerance = 2;

    private readonly IStatisticsSource _source;
    private readonly VerificationLimits _limits;
    private readonly TimeProvider _clock;
    private readonly ServerStatistics _before;
    private readonly string? _unrestBefore;
    private readonly long _begun;

    private Verifier(IStatisticsSource source, VerificationLimits limits, TimeProvider clock, RestOutcome before)
    {
        _source = source;
        _limits = limits;
        _clock = clock;
        _before = before.Latest!;
        _unrestBefore = before.Unrest;
        _begun = clock.GetTimestamp();
    }

    /// <summary>Reads the statistics before the run, at rest where the server comes to rest soon.</summary>
    /// <param name="admin">The server's admin address: what <see cref="AdminAddress.Parse"/> gave.</param>
    /// <param name="clock">Time of all kinds.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="limits">Others than the usual ones.</param>
    /// <exception cref="StartupException">The server cannot be reached, or what answers is not our server.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static Task<Verifier> BeginAsync(
        Uri admin, TimeProvider clock, CancellationToken cancellationToken, VerificationLimits? limits = null)
    {
        limits ??= new VerificationLimits();
        return BeginAsync(new StatisticsClient(admin, limits, clock), clock, limits, cancellationToken);
    }

    /// <summary>The same from any source, which the verifier disposes of.</summary>
    internal static async Task<Verifier> BeginAsync(
        IStatisticsSource source, TimeProvider clock, VerificationLimits limits, CancellationToken cancellationToken)
    {
        try
        {
            var polling = new RestPolling(source, clock, limits.Interval, attempts: 1);
            // Nothing is due: what others have sent before is not known here.
            RestOutcome before = await polling.UntilRestAsync(new RestWatch(0, 0, limits.Quiet), null, limits.RestBefore, cancellationToken);
            return before.Fault is null
                ? new Verifier(source, limits, clock, before)
                : throw new StartupException($"--verify {source.Name}: {before.Fault}");
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Waits until the server is at rest, bounded, and compares.</summary>
    /// <param name="sent">What was sent.</param>
    /// <param name="cancellationToken">
    /// Gives up without a verdict. A signal that ended the run early does not belong here: what was sent until then is to be verified too.
    /// </param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<VerificationReport> EndAsync(SentTotals sent, CancellationToken cancellationToken)
    {
        var watch = new RestWatch(
            _before.PacketsReceived + sent.Packets.AtLeast, _before.BytesReceived + sent.Bytes.AtLeast, _limits.Quiet);
        var polling = new RestPolling(_source, _clock, _limits.Interval, _limits.Attempts);
        RestOutcome after = await polling.UntilRestAsync(watch, _before, _limits.Rest, cancellationToken);

        // Counters of another process are nothing to subtract from.
        ServerStatistics? difference = after.Restart is null ? after.Latest?.Since(_before) : null;
        (VerificationResult result, string? reason) = after switch
        {
            { Fault: string fault } => (VerificationResult.StatisticsLost, $"{_source.Name}: {fault}"),
            { Restart: string restart } => (VerificationResult.Different, $"the server restarted meanwhile: {restart}"),
            { Unrest: string unrest } => (VerificationResult.NotAtRest, unrest),
            _ => (sent.CompareWith(difference!), null),
        };
        if (difference is not null && (result is VerificationResult.Different or VerificationResult.NotAtRest))
        {
            reason = Join(reason, Guess(sent, difference, after.Latest!.UptimeSeconds));
        }

        return new VerificationReport { Result = result, Sent = sent, Difference = difference, Waited = after.Waited, Reason = reason };
    }

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();

    /// <summary>What may lie behind a difference; it changes no verdict.</summary>
    private string? Guess(SentTotals sent, ServerStatistics difference, long uptimeSeconds)
    {
        if (uptimeSeconds + UptimeTolerance < _clock.GetElapsedTime(_begun).TotalSeconds)
        {
            return $"the server has been up for {uptimeSeconds} s, less than this run took: it seems to have restarted meanwhile";
        }

        if (_unrestBefore is not null)
        {
            return $"the server was not at rest before the run: {_unrestBefore}";
        }

        return sent.Packets.ExcessOf(difference.PacketsProcessed) > 0 || sent.Bytes.ExcessOf(difference.BytesReceived) > 0
            ? "somebody else may be sending to this server"
            : null;
    }

    private static string? Join(string? first, string? second) => first is null || second is null ? first ?? second : $"{first}; {second}";
}
