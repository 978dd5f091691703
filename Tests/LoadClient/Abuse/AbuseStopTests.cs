using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.LoadClient.Abuse.Attacker;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

/// <summary>An attack that is stopped early.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class AbuseStopTests(TransportChoice transport)
{
    [Test]
    public async Task Stop_ends_all_connections_and_says_nothing_about_the_server()
    {
        using var stop = new CancellationTokenSource();
        await using var server = new StandInServer(StandInServer.NeverRead);
        Attacker attacker = Attacker.Start(transport, server.Port, Oversize(8), AttackTime, stop: stop.Token);
        Eventually.That(() => attacker.Totals.Open, Is.EqualTo(8));

        await stop.CancelAsync();
        AbuseReport report = await attacker.EndAsync();

        Assert.That(report.Totals.Ended(HostileEnd.Interrupted), Is.EqualTo(8));
        Assert.That(report.AnyOutlivedDeadline, Is.False);
    }

    [Test]
    public async Task Stop_gives_up_attempts_under_way()
    {
        using var full = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(1); // the kernel completes two handshakes and drops further SYNs
        var server = (IPEndPoint)full.LocalEndPoint!;
        using Peer first = await Peer.ConnectAsync(server);
        using Peer second = await Peer.ConnectAsync(server);
        using var stop = new CancellationTokenSource();
        Attacker attacker = Attacker.Start(transport, server.Port, Oversize(20), AttackTime, stop: stop.Token);
        Eventually.That(() => attacker.Totals.Attempts, Is.EqualTo(20));

        await stop.CancelAsync();
        AbuseReport report = await attacker.EndAsync();

        Assert.That(report.Totals.Ended(HostileEnd.Interrupted), Is.EqualTo(20));
        Assert.That(report.Totals.Made, Is.Zero);
        Assert.That(report.Refusals, Is.Empty);
    }

    [Test]
    public async Task Stop_before_the_start_makes_nothing()
    {
        await using var server = new StandInServer(StandInServer.NeverRead);

        AbuseReport report = await Attacker.Start(
            transport, server.Port, Oversize(2), AttackTime, stop: new CancellationToken(canceled: true)).EndAsync();

        Assert.That(report.Totals.Ended(HostileEnd.Interrupted), Is.EqualTo(report.Totals.Attempts));
    }
}
