using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 9 and 10: how peers end their connections.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(120_000)]
public sealed class PeerEndingTests(TransportChoice transport)
{
    [Test]
    public async Task Fin_in_the_middle_of_a_packet_discards_and_counts_the_fragment()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Glue(Article, Article[..20]));
        peer.Finish();
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.PeerClosed);
        Dictionary<string, long> counters = server.Counters.Named().ToDictionary();
        Assert.Multiple(() =>
        {
            Assert.That(counters["packets.processed"], Is.EqualTo(1));
            Assert.That(counters["bytes.discarded"], Is.EqualTo(20));
            Assert.That(counters["bytes.unfinished"], Is.Zero);
        });
    }

    [Test]
    public async Task Fin_loses_no_packets_of_a_slow_processor()
    {
        var processor = new GatedProcessor();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Repeat(Article, 100));
        Eventually.That(() => server.Counters.PacketsReceived, Is.EqualTo(100));
        await server.LoopsAsync(); // a packet is counted before the processor gets it
        peer.Finish();
        if (transport == TransportChoice.Sockets)
        {
            // DotNetty's socket transport closes at the FIN; received packets are still processed.
            Eventually.That(() => server.Counters.Closed(CloseReason.PeerClosed), Is.EqualTo(1));
        }

        Assert.That(server.Counters.PacketsProcessed, Is.Zero);
        processor.CompleteAll();

        server.AssertClosed(CloseReason.PeerClosed);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(100));
    }

    [Test]
    public async Task Reset_in_the_middle_of_a_packet_is_counted_and_not_an_error()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport);
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Glue(Article, Article[..20]));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        peer.Reset();

        server.AssertClosed(CloseReason.PeerReset);
        Assert.That(server.Log.Errors, Is.Empty);
    }

    [Test]
    public async Task Ten_thousand_fins_then_resets_leave_nothing_behind()
    {
        const int Count = 10_000;
        Machine.RequireConnections(1_000); // at most this many wait in the backlog
        await using RunningServer server = await RunningServer.StartAsync(transport);

        await Parallel.ForEachAsync(Enumerable.Range(0, Count), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (number, _) =>
        {
            using Peer peer = await server.ConnectAsync();
            if (number % 100 == 0)
            {
                // The backlog must not overflow: a connection that is reset in it is never accepted.
                Eventually.That(() => server.Counters.Accepted, Is.GreaterThan(number - 1000));
            }

            peer.Finish();
            peer.Reset();
        });

        Eventually.That(
            () => server.Counters.Closed(CloseReason.PeerClosed) + server.Counters.Closed(CloseReason.PeerReset), Is.EqualTo(Count));
        using Peer another = await server.ConnectAsync();
        await another.SendAsync(Article);
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        Assert.That(server.Log.Errors, Is.Empty);
        server.AssertBooksBalance();
    }
}
