using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

/// <summary>Hostile peers against the real server: it closes every one, and its counters balance.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class AbuseAgainstServerTests(TransportChoice transport)
{
    private const int Peers = 200;

    private static readonly TimeSpan AttackTime = TimeSpan.FromSeconds(10);

    [Test]
    public async Task Bad_prefix_is_closed_and_nothing_processed()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);

        AbuseReport report = await AttackAsync(server, AbuseKind.BadPrefix);

        AssertEndedByServer(report);
        server.AssertClosed(CloseReason.InvalidPrefix, Peers);
        Assert.That(server.Counters.PacketsProcessed, Is.Zero);
    }

    [Test]
    public async Task Bad_prefix_late_is_closed_behind_the_good_packets()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);

        AbuseReport report = await AttackAsync(server, AbuseKind.BadPrefixLate);

        AssertEndedByServer(report);
        server.AssertClosed(CloseReason.InvalidPrefix, Peers);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(report.Totals.PacketsAtMost).And.GreaterThan(Peers));
    }

    [Test]
    public async Task Oversize_is_closed_by_a_server_that_allows_less()
    {
        await using RunningServer server =
            await RunningServer.StartAsync(transport, configure: options => options with { MaxPayloadBytes = 65_534 });

        AbuseReport report = await AttackAsync(server, AbuseKind.Oversize);

        AssertEndedByServer(report);
        server.AssertClosed(CloseReason.PayloadTooLarge, Peers);
    }

    [Test]
    public async Task Reset_harms_no_other_connection()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);

        AbuseReport report = await AttackAsync(server, AbuseKind.Reset);

        Assert.That(report.Totals.Ended(HostileEnd.EndedItself), Is.EqualTo(Peers));
        AssertAllClosed(server, report);
        Assert.That(server.Counters.PacketsProcessed, Is.LessThanOrEqualTo(report.Totals.PacketsAtMost));
    }

    [Test]
    public async Task Random_bytes_are_closed()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);

        AbuseReport report = await AttackAsync(server, AbuseKind.RandomBytes);

        AssertEndedByServer(report);
        AssertAllClosed(server, report);
        Assert.That(server.Counters.PacketsProcessed, Is.LessThanOrEqualTo(report.Totals.PacketsAtMost));
    }

    [Test]
    public async Task Connect_flood_is_accepted_and_forgotten()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);

        AbuseOptions options = new() { Kind = AbuseKind.ConnectFlood, Connections = 50 };

        AbuseReport report = await Attacker.Start(
            transport, server.Endpoint.Port, options, TimeSpan.FromMilliseconds(300)).EndAsync();

        Assert.That(report.Totals.Made, Is.GreaterThan(50));
        AssertAllClosed(server, report);
    }

    private async Task<AbuseReport> AttackAsync(RunningServer server, AbuseKind kind)
    {
        AbuseReport report = await Attacker.Start(
            transport, server.Endpoint.Port, new AbuseOptions { Kind = kind, Connections = Peers, Seed = 4 }, AttackTime).EndAsync();
        Assert.That(report.Totals.Made, Is.EqualTo(Peers));
        return report;
    }

    private static void AssertEndedByServer(AbuseReport report)
    {
        Assert.That(report.TimeToClose.Count, Is.EqualTo(Peers));
        Assert.That(report.Totals.Ended(HostileEnd.ClosedByServer) + report.Totals.Ended(HostileEnd.ResetByServer), Is.EqualTo(Peers));
    }

    private static void AssertAllClosed(RunningServer server, AbuseReport report)
    {
        Eventually.That(
            () => Enum.GetValues<CloseReason>().Sum(reason => server.Counters.Closed(reason)), Is.EqualTo(report.Totals.Made));
        Eventually.That(
            () => server.Counters.PacketsProcessed + server.Counters.PacketsDropped, Is.EqualTo(server.Counters.PacketsReceived));
        server.AssertBooksBalance();
        Assert.That(server.Log.Errors, Is.Empty);
    }
}
