using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Storage;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.Server.Storage;
using Microsoft.Extensions.Logging;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 25, inside one process: the graceful stop.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class DrainTests(TransportChoice transport)
{
    [Test]
    public async Task Stop_processes_what_the_sockets_hold_and_closes()
    {
        var processor = new GatedProcessor();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Repeat(OfLength(1000), 900)); // partly in the paused server, partly in its socket
        Eventually.That(() => server.Counters.Paused, Is.EqualTo(1));

        Task stopping = server.StopAsync();
        while (!stopping.IsCompleted)
        {
            processor.CompleteAll();
            await Task.Yield();
        }

        await stopping;
        await peer.ClosedByServerAsync();
        server.AssertClosed(CloseReason.ServerStopping);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(900));
    }

    [Test]
    public async Task Idle_connections_do_not_delay_the_stop()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport,
            configure: options => options with { DrainTimeout = TimeSpan.FromMinutes(10) });
        using Peer idle = await server.ConnectAsync();
        using Peer half = await server.ConnectAsync();
        await half.SendAsync(Article.AsMemory(..9));
        Eventually.That(() => server.Counters.Named().Single(c => c.Key == "bytes.unfinished").Value, Is.EqualTo(9));

        await server.StopAsync();

        server.AssertClosed(CloseReason.ServerStopping, 2);
    }

    [Test]
    public async Task Peer_that_keeps_sending_does_not_delay_the_stop()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport,
            configure: options => options with { DrainTimeout = TimeSpan.FromMinutes(10) });
        using Peer peer = await server.ConnectAsync();
        byte[] much = Repeat(Article, 2000);
        Task sending = Task.Run(async () =>
        {
            while (true)
            {
                await peer.SendAsync(much);
            }
        });
        Eventually.That(() => server.Counters.PacketsProcessed, Is.GreaterThan(10_000));

        await server.StopAsync();

        Assert.That(async () => await sending.WaitAsync(Peer.Patience), Throws.InstanceOf<System.Net.Sockets.SocketException>());
        server.AssertClosed(CloseReason.ServerStopping);
        Assert.That(server.Counters.PacketsDropped, Is.Zero);
    }

    [Test]
    public async Task Stop_commits_without_waiting_for_the_interval()
    {
        using var directory = new TemporaryDirectory();
        using StoreWriter store = StoreRig.Open(directory.Path, rules => rules with { CommitInterval = TimeSpan.FromMinutes(10) });
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { DrainTimeout = TimeSpan.FromMinutes(10) }, store: store);
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(OfLength(20_000)); // more than waits for the interval
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        await peer.SendAsync(Article);
        Eventually.That(() => server.Counters.PacketsReceived, Is.EqualTo(2));

        await server.StopAsync();

        server.AssertClosed(CloseReason.ServerStopping);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(2));
    }

    [Test]
    public async Task Expired_drain_closes_by_force_and_counts_what_was_dropped()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport,
            new GatedProcessor(), options => options with { DrainTimeout = TimeSpan.FromMilliseconds(50) });
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Repeat(Article, 7));
        Eventually.That(() => server.Counters.PacketsReceived, Is.EqualTo(7));

        await server.StopAsync();

        server.AssertClosed(CloseReason.ServerStopping);
        Assert.Multiple(() =>
        {
            Assert.That(server.Counters.PacketsDropped, Is.EqualTo(7));
            Assert.That(
                server.Log.Lines.Single(line => line.Level == LogLevel.Warning).Message,
                Is.EqualTo("drain time-out: 1 connections closed by force, 7 packets dropped"));
        });
    }

    [Test]
    public async Task New_connections_are_refused_after_the_stop()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);
        await server.StopAsync();

        Assert.That(async () => await server.ConnectAsync(), Throws.InstanceOf<System.Net.Sockets.SocketException>());
    }
}
