using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

/// <summary>The pace of hostile connections: as fast as earlier ones end, or a fixed rate.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
[Category("Slow")]
public sealed class AbusePaceTests(TransportChoice transport)
{
    [Test]
    public async Task Connect_flood_comes_again_and_again_and_leaves_no_descriptor_open()
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd);
        AbuseOptions options = new() { Kind = AbuseKind.ConnectFlood, Connections = 10 };
        // The first attack loads the descriptors that stay open.
        await Attacker.Start(transport, server.Port, options, TimeSpan.FromMilliseconds(300)).EndAsync();
        await server.ServedAllAsync();
        int before = Descriptors.Ours;

        AbuseReport report = await Attacker.Start(transport, server.Port, options, TimeSpan.FromMilliseconds(300)).EndAsync();
        await server.ServedAllAsync();

        Assert.That(report.Totals.Made, Is.GreaterThan(50));
        Assert.That(report.Totals.Ended(HostileEnd.EndedItself), Is.EqualTo(report.Totals.Made));
        Assert.That(report.Totals.BytesAtMost, Is.Zero);
        Assert.That(server.Connections.Select(connection => connection.Received.Length), Is.All.Zero);
        Eventually.That(() => Descriptors.Ours, Is.LessThanOrEqualTo(before));
    }

    [Test]
    public async Task Rate_is_kept_without_bursts()
    {
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            connection.Socket.Dispose();
        });
        AbuseOptions options = new() { Kind = AbuseKind.BadPrefix, RatePerSecond = 200, Connections = 100 };

        AbuseReport report = await Attacker.Start(transport, server.Port, options, TimeSpan.FromSeconds(1)).EndAsync();

        Assert.That(report.Totals.Attempts + report.Totals.HeldBack, Is.EqualTo(200));
        Assert.That(report.Totals.Ended(HostileEnd.ClosedByServer) + report.Totals.Ended(HostileEnd.ResetByServer), Is.GreaterThan(100));
    }

    [Test]
    public async Task Rate_respects_the_connection_limit_and_reports_what_it_held_back()
    {
        await using var server = new StandInServer(StandInServer.NeverRead);
        AbuseOptions options = new()
        {
            Kind = AbuseKind.HalfPacket,
            RatePerSecond = 100,
            Connections = 3,
            Deadline = TimeSpan.FromSeconds(2),
        };

        AbuseReport report = await Attacker.Start(transport, server.Port, options, TimeSpan.FromMilliseconds(200)).EndAsync();

        Assert.That((report.Totals.Made, report.Totals.HeldBack), Is.EqualTo((3, 17)));
        Assert.That(report.Totals.Ended(HostileEnd.StillOpen), Is.EqualTo(3));
    }
}
