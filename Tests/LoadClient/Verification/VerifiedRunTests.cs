using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Verification;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>A verifier that reads over HTTP, from a stand-in and from the real server's counters.</summary>
[CancelAfter(60_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class VerifiedRunTests
{
    private readonly FakeTimeProvider _clock = new();

    [Test]
    public async Task Stand_in_that_comes_to_rest_late_is_exact(CancellationToken cancel)
    {
        await using var admin = StandInAdmin.Serving(number => SampleStatistics.Json(number switch
        {
            < 2 => SampleStatistics.After(5),
            < 6 => SampleStatistics.After(105, pending: 6 - number),
            _ => SampleStatistics.After(105),
        }));
        using Verifier verifier = await BeginAsync(admin.Url, cancel);

        VerificationReport report = await PassTimeAsync(verifier.EndAsync(SampleStatistics.Sent(100), cancel));

        Assert.That(report.Line, Is.EqualTo("verified: 100 packets and 3200 bytes sent, the server processed just these"));
        Assert.That(admin.Requests, Is.EqualTo(8));
    }

    [Test]
    public async Task Stand_in_that_stops_after_the_run_leaves_no_statistics(CancellationToken cancel)
    {
        await using var admin = StandInAdmin.Serving(_ => SampleStatistics.Json(SampleStatistics.After(5)));
        using Verifier verifier = await BeginAsync(admin.Url, cancel);
        await admin.DisposeAsync();

        VerificationReport report = await PassTimeAsync(verifier.EndAsync(SampleStatistics.Sent(100), cancel));

        Assert.That(report.Result, Is.EqualTo(VerificationResult.StatisticsLost));
        Assert.That(report.Reason, Is.EqualTo($"{admin.Url.OriginalString}: Connection refused"));
    }

    [Test]
    public async Task Stand_in_that_serves_something_else_stops_the_start(CancellationToken cancel)
    {
        await using var admin = StandInAdmin.Serving(_ => """{ "status": "ok", "uptimeSeconds": "7" }""");

        Assert.That(
            () => BeginAsync(admin.Url, cancel),
            Throws.TypeOf<StartupException>().With.Message.StartsWith(
                $"--verify {admin.Url.OriginalString}: answered JSON in which uptimeSeconds is not an integer, "
                + "packets.received is missing"));
    }

    [Test]
    [Category("Slow")]
    public async Task Real_server_is_exact_and_then_different_by_what_it_did_not_get(
        [Values(TransportChoice.Epoll, TransportChoice.Sockets)] TransportChoice transport, CancellationToken cancel)
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);
        await using var admin = StandInAdmin.Of(server.Counters);
        using Verifier first = await BeginAsync(admin.Url, cancel);
        await SendAsync(server, Packets.Repeat(Packets.Article, 1000));

        VerificationReport exact = await PassTimeAsync(first.EndAsync(SampleStatistics.Sent(1000), cancel));
        using Verifier second = await BeginAsync(admin.Url, cancel);
        await SendAsync(server, Packets.Glue(Packets.Article, Packets.Article[..20]));
        VerificationReport short12 = await PassTimeAsync(second.EndAsync(SampleStatistics.Sent(2), cancel));

        Assert.That(exact.Line, Is.EqualTo("verified: 1000 packets and 32000 bytes sent, the server processed just these"));
        Assert.That(
            short12.Line,
            Is.EqualTo(
                "different: 2 packets sent, 1 processed (1 too few), 0 dropped; "
                + "64 bytes sent, 52 received (12 too few), 20 discarded"));
    }

    [Test]
    [Category("Slow")]
    public async Task Real_server_with_a_slow_processor_is_at_rest_only_when_that_is_done(CancellationToken cancel)
    {
        var processor = new GatedProcessor();
        await using RunningServer server = await RunningServer.StartAsync(TransportChoice.Auto, processor);
        await using var admin = StandInAdmin.Serving(number =>
        {
            if (number == 40)
            {
                processor.CompleteAll();
            }

            return StandInAdmin.Statistics(server.Counters);
        });
        using Verifier verifier = await BeginAsync(admin.Url, cancel);
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Packets.Article);
        Eventually.That(() => processor.Batches, Is.EqualTo(1));

        VerificationReport report = await PassTimeAsync(verifier.EndAsync(SampleStatistics.Sent(1), cancel));

        Assert.That(report.Result, Is.EqualTo(VerificationResult.Exact));
        Assert.That(admin.Requests, Is.GreaterThan(40));
    }

    /// <summary>Starts a verifier; its pauses take fake time, its requests real time.</summary>
    private Task<Verifier> BeginAsync(Uri admin, CancellationToken cancel) =>
        PassTimeAsync(Verifier.BeginAsync(new StatisticsClient(admin, TimeProvider.System), _clock, cancel));

    private async Task<T> PassTimeAsync<T>(Task<T> task)
    {
        while (await Task.WhenAny(task, Task.Delay(1)) != task)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(5));
        }

        return await task;
    }

    private static async Task SendAsync(RunningServer server, byte[] bytes)
    {
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(bytes);
        peer.Finish();
        await peer.ClosedByServerAsync();
    }
}
