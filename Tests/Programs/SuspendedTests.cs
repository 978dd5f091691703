using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 32 on the real clock: SIGSTOP for longer than every limit.</summary>
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

        Send(server, "STOP");
        await idle.SendAsync(Article);
        await slow.SendAsync(Article.AsMemory(10));
        await Task.Delay(TimeSpan.FromSeconds(2)); // the server's clock is the real one
        Send(server, "CONT");

        await server.LineAsync("processed 3 packets");
        server.Signal(PosixSignal.SIGTERM);
        Assert.That(await server.ExitAsync(), Is.Zero, server.Everything);
        Dictionary<string, long> counters = server.StoppedCounters();
        Assert.Multiple(() =>
        {
            Assert.That(counters["packets.processed"], Is.EqualTo(3));
            Assert.That(counters["connections.closed.IdleTimeout"], Is.Zero);
            Assert.That(counters["connections.closed.PacketTimeout"], Is.Zero);
        });
    }

    private static void Send(ProgramRun server, string signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{server.Id}"]);
        Assert.That(kill.WaitForExit(Peer.Patience), Is.True);
    }
}
