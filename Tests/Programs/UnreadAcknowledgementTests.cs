using System.Net;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 19 in numbers: connections that never read their acknowledgements.</summary>
[TestFixture("epoll")]
[TestFixture("sockets")]
[Category("Slow")]
[NonParallelizable]
[CancelAfter(240_000)]
public sealed class UnreadAcknowledgementTests(string transport)
{
    private static readonly int Connections = Scale.Of(gate: 2000, full: 10_000);

    [Test]
    public async Task Unread_acknowledgements_cost_at_most_64_MiB_for_10_000_connections()
    {
        if (transport == "sockets")
        {
            Scale.RequireFull("takes a minute");
        }

        long without = await ResidentKiBAsync("--ack", "off");
        long with = await ResidentKiBAsync("--ack", "processed", "--ack-interval", "0");

        TestContext.Out.WriteLine($"{transport}, {Connections} connections: {without} KiB without acknowledgements, {with} KiB with");
        Assert.That(with - without, Is.LessThan(64 * 1024 * Math.Max(Connections, 5000) / 10_000), "KiB; half of 64 MiB is noise");
    }

    private async Task<long> ResidentKiBAsync(params string[] acknowledgements)
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            ["--transport", transport, "--report-every", $"{Connections}", .. acknowledgements]);
        using ProgramRun server = run;
        var peers = new List<Peer>();
        try
        {
            for (int i = 0; i < Connections; i++)
            {
                peers.Add(await Peer.ConnectAsync(endpoint, receiveBuffer: 2048));
            }

            for (int round = 1; round <= 30; round++)
            {
                foreach (Peer peer in peers)
                {
                    await peer.SendAsync(Article);
                }

                await server.LineAsync($"processed {round * Connections} packets");
            }

            return server.PeakResidentKiB();
        }
        finally
        {
            peers.ForEach(peer => peer.Dispose());
        }
    }
}
