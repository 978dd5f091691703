using System.Net;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 17 at its full size: 10,000 connections, each one byte short of a packet of 65,542 bytes.</summary>
[TestFixture("epoll")]
[TestFixture("sockets")]
[Category("Slow")]
[CancelAfter(240_000)]
public sealed class HalfPacketTests(string transport)
{
    private const int KiBPerMiB = 1024;
    private const int Budget = 128;

    [Test]
    public async Task Ten_thousand_half_packets_are_bounded_and_memory_is_released()
    {
        Machine.RequireConnections(10_000);
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            "--transport", transport, "--max-buffered", $"{Budget}MiB", "--packet-timeout", "4s", "--report-every", "1");
        using ProgramRun server = run;
        using Peer healthy = await Peer.ConnectAsync(endpoint);
        await healthy.SendAsync(Article);
        await server.LineAsync("processed 1 packets");
        long start = server.ResidentKiB();

        using ProgramRun hostile = ProgramRun.Start(
            "LoadClient",
            [
                "--port", $"{endpoint.Port}", "--log-directory", "none", "--connections", "1", "--rate", "1", "--duration", "10s",
                "--abuse", "half-packet", "--abuse-connections", "10000", "--abuse-deadline", "30s",
            ]);
        Task<int> end = hostile.ExitAsync(TimeSpan.FromMinutes(2));
        while (await Task.WhenAny(end, Task.Delay(500)) != end)
        {
            int lines = ReportLines();
            await healthy.SendAsync(Article);
            Eventually.That(ReportLines, Is.GreaterThan(lines), "the healthy peer");
        }

        Assert.That(await end, Is.Zero, hostile.Everything);
        long peak = server.PeakResidentKiB();
        Eventually.That(server.ResidentKiB, Is.LessThan(start + (100 * KiBPerMiB)), "KiB; garbage is collected after a quiet period");
        TestContext.Out.WriteLine(
            $"{transport}: {start / KiBPerMiB} MiB at the start, {peak / KiBPerMiB} at most, {server.ResidentKiB() / KiBPerMiB} later");
        Assert.That(peak, Is.LessThan(start + ((Budget + 128) * KiBPerMiB)), "KiB");

        Dictionary<string, long> counters = await server.StopAsync();
        Assert.That(counters["connections.closed.BufferBudget"], Is.GreaterThan(1000));
        Assert.That(counters["packets.processed"], Is.EqualTo(counters["packets.received"]));

        int ReportLines() => server.Output.Count(line => line.Contains(" processed ", StringComparison.Ordinal));
    }
}
