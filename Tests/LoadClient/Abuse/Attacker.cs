using System.Net;
using DotNetty.Transport.Channels;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

/// <summary>An attack on a port of this machine that runs while the test observes it.</summary>
internal sealed class Attacker
{
    /// <summary>The duration of attacks that end earlier by themselves.</summary>
    public static readonly TimeSpan AttackTime = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Patience = 2 * Peer.Patience;

    private readonly Attack _run;
    private readonly Task<AbuseReport> _running;

    private Attacker(Attack run, Task<AbuseReport> running)
    {
        _run = run;
        _running = running;
    }

    /// <summary>The totals so far.</summary>
    public AbuseTotals Totals => _run.Totals();

    /// <summary>The clock of an attack with <c>fakeTime</c>.</summary>
    public FakeTimeProvider Clock { get; private init; } = new();

    public RecordingLogger Log { get; private init; } = new();

    /// <summary>Returns options for connections that send one oversized header and wait for the server to close.</summary>
    public static AbuseOptions Oversize(int connections) => new() { Kind = AbuseKind.Oversize, Connections = connections };

    public static Attacker Start(
        TransportChoice transport,
        int port,
        AbuseOptions options,
        TimeSpan attackFor,
        bool fakeTime = false,
        Func<EndPoint?>? source = null,
        Action<IChannelPipeline>? prepend = null,
        CancellationToken stop = default)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));
        var log = new RecordingLogger();
        LoadTransport loops = LoadTransport.Of(transport, eventLoops: 1);
        var run = new Attack(
            options, () => new IPEndPoint(IPAddress.Loopback, port), source, loops, prepend, fakeTime ? clock : TimeProvider.System, log);
        return new Attacker(run, run.RunAsync(attackFor, stop)) { Clock = clock, Log = log };
    }

    /// <summary>Waits for the attack's end, and asserts that every attempt has ended.</summary>
    public async Task<AbuseReport> EndAsync()
    {
        AbuseReport report = await _running.WaitAsync(Patience);
        Assert.That(report.Totals.AllEnded, Is.EqualTo(report.Totals.Attempts), "attempts that have an end");
        Assert.That(report.Totals.Open, Is.Zero);
        Assert.That(Log.Errors, Is.Empty);
        return report;
    }

    /// <summary>Advances the fake time until the attack is over.</summary>
    public async Task<AbuseReport> PassTimeUntilEndAsync(TimeSpan step)
    {
        while (await Task.WhenAny(_running, Task.Delay(1)) != _running)
        {
            Clock.Advance(step);
        }

        return await EndAsync();
    }
}
