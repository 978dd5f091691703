using System.Net;
using DotNetty.Transport.Channels;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Measuring;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>One attack by hostile peers: begin, hold out, report.</summary>
/// <remarks>
/// An <see cref="AbuseKind"/> has the script, <see cref="AttackPace"/> says when connections begin, <see cref="Attack"/> begins and ends
/// them on one event loop, a <see cref="HostilePeer"/> for each plays the script.
/// </remarks>
internal sealed class AbuseRun
{
    private readonly AbuseOptions _options;
    private readonly LoadTransport _transport;
    private readonly ILogger _logger;
    private readonly TimeProvider _clock;
    private readonly Attack _attack;

    public AbuseRun(
        AbuseOptions options,
        Func<IPEndPoint> target,
        Func<EndPoint?>? source,
        LoadTransport transport,
        Action<IChannelPipeline>? prependTls,
        TimeProvider clock,
        ILogger logger)
    {
        _options = options;
        _transport = transport;
        _logger = logger;
        _clock = clock;
        _attack = new Attack(options, target, source, transport, prependTls, clock, logger);
    }

    public AbuseTotals Totals() => _attack.Totals();

    /// <summary>Runs, once; done when every hostile connection has ended, at the latest its deadline after the last was made.</summary>
    public async Task<AbuseReport> RunAsync(TimeSpan attackFor, CancellationToken stop)
    {
        try
        {
            _attack.Start(attackFor);

            // Both are waited for at the end of the block: a loop that is shut down takes no more tasks.
            await using ITimer timer = _clock.CreateTimer(_ => _attack.QueueTick(), null, Attack.TickInterval, Attack.TickInterval);
            await using CancellationTokenRegistration stopping = stop.Register(_attack.Interrupt);
            await _attack.Over;
        }
        finally
        {
            await _transport.ShutDownAsync(_clock, _logger);
        }

        return new AbuseReport
        {
            Options = _options,
            AttackedFor = _attack.AttackedFor,
            Totals = Totals(),
            Refusals = _attack.Refusals.ByReason(),
            Failures = _attack.Failures.ByReason(),
            TimeToClose = _attack.Counters.TimeToClose,
        };
    }
}

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

    public AbuseTotals Totals => attack.Totals(); // what the hostile peers have done so far. Any thread

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
