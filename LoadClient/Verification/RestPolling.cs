namespace DotNettyFraming.LoadClient.Verification;

/// <summary>How waiting for rest ended: with the server at rest where the last three are null.</summary>
/// <param name="Latest">The last reading; null where there was none.</param>
/// <param name="Waited">For how long.</param>
/// <param name="Unrest">Time was up: why the server is not at rest.</param>
/// <param name="Restart">What shows that the server is not the process that it was.</param>
/// <param name="Fault">Why there are no readings any more.</param>
internal sealed record RestOutcome(
    ServerStatistics? Latest, TimeSpan Waited, string? Unrest = null, string? Restart = null, string? Fault = null);

/// <summary>Reads the statistics again and again, until the server is at rest or there is no use in waiting.</summary>
/// <param name="source">Where from.</param>
/// <param name="clock">Measures the time.</param>
/// <param name="interval">The pause between two readings.</param>
/// <param name="attempts">How many readings may fail one after the other.</param>
internal sealed class RestPolling(IStatisticsSource source, TimeProvider clock, TimeSpan interval, int attempts)
{
    /// <summary>Reads until the server is at rest, has restarted, answers no more, or time is up.</summary>
    /// <param name="watch">Decides what rest is.</param>
    /// <param name="previous">A reading of before, from which the counters must not go back; null for none.</param>
    /// <param name="limit">How long, but for a last request that is under way.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<RestOutcome> UntilRestAsync(
        RestWatch watch, ServerStatistics? previous, TimeSpan limit, CancellationToken cancellationToken)
    {
        long began = clock.GetTimestamp();
        ServerStatistics? latest = null;
        int failed = 0;
        while (true)
        {
            StatisticsReading reading = await source.ReadAsync(cancellationToken);
            TimeSpan waited = clock.GetElapsedTime(began);
            string? unrest = reading.Fault;
            if (reading.Statistics is ServerStatistics current)
            {
                failed = 0;
                latest = current;
                if (previous is not null && current.WentBackFrom(previous) is string restart)
                {
                    return new RestOutcome(latest, waited, Restart: restart);
                }

                previous = current;
                unrest = watch.Observe(current, waited);
                if (unrest is null)
                {
                    return new RestOutcome(latest, waited);
                }
            }
            else if (++failed == attempts)
            {
                return new RestOutcome(latest, waited, Fault: reading.Fault);
            }

            if (waited >= limit)
            {
                return latest is null ? new RestOutcome(null, waited, Fault: reading.Fault) : new RestOutcome(latest, waited, Unrest: unrest);
            }

            await Task.Delay(interval, clock, cancellationToken);
        }
    }
}
