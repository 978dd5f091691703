using System.Net;
using DotNetty.Transport.Channels;
using DotNettyFraming.LoadClient.Connecting;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>One attack by hostile peers, beside the ordinary load or alone: begin, hold out, report.</summary>
/// <remarks>
/// # Layout, in the order of the data
/// <see cref="HostileScript"/> says what the peers of each <see cref="AbuseKind"/> do, with the bytes of a <see cref="HostileTape"/>.
/// <see cref="AttackPace"/> says when connections are begun, <see cref="Attack"/> begins and ends them on one event loop, a
/// <see cref="HostilePeer"/> for each plays the script. <see cref="AbuseCounters"/> count, and <see cref="AbuseReport"/> is what is left.
/// </remarks>
internal sealed class AbuseRun
{
    private readonly AbuseOptions _options;
    private readonly LoadTransport _transport;
    private readonly ILogger _logger;
    private readonly TimeProvider _clock;
    private readonly Attack _attack;

    /// <summary>Prepares an attack.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="target">The server's address, asked for each connection on the event loop.</param>
    /// <param name="source">A connection's local address, asked for each one on the event loop; null = any.</param>
    /// <param name="transport">
    /// Channels, and their event loops, of which the first is used: give it one of its own, for what the peers do there is not to be
    /// measured as somebody's latency. They are shut down at the end of the run.
    /// </param>
    /// <param name="prependTls">Puts TLS at the front of a new pipeline; null = plain.</param>
    /// <param name="clock">Time of all kinds.</param>
    /// <param name="logger">For bugs.</param>
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

    /// <summary>What has been done so far. Any thread.</summary>
    public AbuseTotals Totals() => _attack.Totals();

    /// <summary>Runs, once; done when every hostile connection has ended, at the latest its deadline after the last was made.</summary>
    /// <param name="attackFor">How long connections are begun. Peers that come once may all have come before.</param>
    /// <param name="stop">Ends all connections at once; the report is of what was done until then.</param>
    public async Task<AbuseReport> RunAsync(TimeSpan attackFor, CancellationToken stop)
    {
        try
        {
            _attack.Start(attackFor);

            // Both are waited for at the end of the block: a loop that is shut down takes no more tasks.
            await using ITimer timer = _clock.CreateTimer(_ => _attack.QueueTick(), null, PauseWheel.Step, PauseWheel.Step);
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
