using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>An attack in the middle of a run, with the latency of the ordinary connections before, during and after it.</summary>
/// <remarks>
/// <code>
/// |--- before ---|--- during -------------------------------|--- after ---|
///  a third of     hostile connections start for a third,      a third of
///  the duration   then each has its deadline                  the duration
/// </code>
/// The run takes longer than its duration if hostile connections stay open for longer than a third of it.
/// </remarks>
internal sealed class AbuseSchedule(Attack attack, RunSeries series, TimeSpan duration, TimeProvider clock)
{
    private Latency _before;
    private Latency _during;
    private Latency _after;
    private AbuseReport? _report;

    public AbuseTotals Totals => attack.Totals(); // any thread

    /// <summary>The result; null if the run was stopped before the attack started.</summary>
    public AbuseOutcome? Outcome => _report is null ? null : new AbuseOutcome(_report, _before, _during, _after);

    /// <summary>Runs the three phases; <paramref name="stop"/> shortens them.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        TimeSpan third = duration / 3;
        await series.EndPhaseAsync(); // connecting is in none of the three phases
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
            // The phase is shorter, and its measurements count.
        }
    }
}
