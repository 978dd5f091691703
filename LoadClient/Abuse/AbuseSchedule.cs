using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>Lays an attack into a run of ordinary load, and compares how the ordinary connections fare.</summary>
/// <remarks>
/// <code>
/// |--- before ---|--- during ------------------------------|--- after ---|
///  a third of     hostile connections begin for a third of   a third of
///  the duration   it, and each has its deadline from there    the duration
/// </code>
/// So a run lasts its duration, or longer where hostile connections stay open for longer than a third of it.
/// </remarks>
internal sealed class AbuseSchedule(AbuseRun attack, RunSeries series, TimeSpan duration, TimeProvider clock)
{
    private Latency _before;
    private Latency _during;
    private Latency _after;
    private AbuseReport? _report;

    /// <summary>What the hostile peers have done so far. Any thread.</summary>
    public AbuseTotals Totals => attack.Totals();

    /// <summary>What came of it; null where the run was stopped before the attack began.</summary>
    public AbuseOutcome? Outcome => _report is null ? null : new AbuseOutcome(_report, _before, _during, _after);

    /// <summary>Lets the three phases pass; <paramref name="stop"/> cuts them short.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        TimeSpan third = duration / 3;
        await series.EndPhaseAsync(); // what came until now, the connecting, is none of the three
        await PassAsync(third, stop);
        _before = await series.EndPhaseAsync();
        if (stop.IsCancellationRequested)
        {
            return;
        }

        _report = await attack.RunAsync(third, stop);
        _during = await series.EndPhaseAsync();
        await PassAsync(third, stop);
        _after = await series.EndPhaseAsync();
    }

    private async Task PassAsync(TimeSpan time, CancellationToken stop)
    {
        try
        {
            await Task.Delay(time, clock, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Cut short: what was measured until now is the phase's.
        }
    }
}
