using System.Net;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 32 on the real clock: SIGSTOP for longer than every time-out.</summary>
[TestFixture("epoll")]
[TestFixture("sockets")]
[CancelAfter(60_000)]
public sealed class SuspendedTests(string transport)
{
    [Test]
    public async Task Suspended_server_closes_no_peer_and_loses_nothing()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            "--transport", transport, "--idle-timeout", "1500ms", "--packet-timeout", "1500ms", "--report-every", "1");
        using ProgramRun server = run;
        using Peer idle = await Peer.ConnectAsync(endpoint);
        using Peer slow = await Peer.ConnectAsync(endpoint);
        await slow.SendAsync(Article);
        await server.LineAsync("processed 1 packets");
        await slow.SendAsync(Article.AsMemory(0, 10));

        Signals.Suspend(server.Id);
        await idle.SendAsync(Article);
        await slow.SendAsync(Article.AsMemory(10));
        await Task.Delay(TimeSpan.FromSeconds(2)); // the server's clock is the real one
        Signals.Resume(server.Id);

        await server.LineAsync("processed 3 packets");
        Dictionary<string, long> counters = await server.StopAsync();
        Assert.Multiple(() =>
        {
            Assert.That(counters["packets.processed"], Is.EqualTo(3));
            Assert.That(counters["connections.closed.IdleTimeout"], Is.Zero);
            Assert.That(counters["connections.closed.PacketTimeout"], Is.Zero);
        });
    }
}
