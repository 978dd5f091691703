using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 1, 3, 4 and 5: the packets are the same however TCP groups their bytes.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class BytesOnTheWireTests(TransportChoice transport)
{
    [Test]
    public async Task One_byte_at_a_time_gives_the_same_packets()
    {
        var processor = new RecordingProcessor();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer peer = await server.ConnectAsync();
        byte[][] packets = [Article, OfLength(0), OfLength(300), Article];

        foreach (byte b in Glue(packets))
        {
            await peer.SendAsync(new[] { b });
        }

        Eventually.That(() => processor.All.Count(), Is.EqualTo(4));
        Assert.That(processor.All, Is.EqualTo(packets));
    }

    [TestCase(65_535)]
    [TestCase(65_534)]
    [TestCase(1)]
    [TestCase(0)]
    public async Task Payload_arrives_byte_for_byte(int length)
    {
        var processor = new RecordingProcessor();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Glue(OfLength(length), Article));

        Eventually.That(() => processor.All.Count(), Is.EqualTo(2));
        Assert.That(processor.All, Is.EqualTo(new[] { OfLength(length), Article }));
    }

    [Test]
    public async Task Packets_in_one_write_keep_their_order_and_the_remainder_is_kept()
    {
        var processor = new RecordingProcessor();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer peer = await server.ConnectAsync();
        byte[][] packets = [.. Enumerable.Range(0, 500).Select(i => OfLength(i, (uint)i))];
        byte[] stream = Glue(packets);

        await peer.SendAsync(stream.AsMemory(..^3));
        Eventually.That(() => server.Counters.PacketsReceived, Is.EqualTo(499));
        await peer.SendAsync(stream.AsMemory(^3..));

        Eventually.That(() => processor.All.Count(), Is.EqualTo(500));
        Assert.That(processor.All, Is.EqualTo(packets));
        peer.Finish();
        server.AssertClosed(DotNettyFraming.Server.Metrics.CloseReason.PeerClosed);
    }

    [Test]
    public async Task Flood_of_empty_packets_leaves_other_connections_served()
    {
        // One event loop, so that the victim shares it with the flooder.
        await using RunningServer server = await RunningServer.StartAsync(transport, configure: options => options with { EventLoops = 1 });
        using Peer flooder = await server.ConnectAsync();
        using Peer victim = await server.ConnectAsync();
        byte[] flood = Repeat(OfLength(0), 65_536 / 7);
        using var enough = new CancellationTokenSource();
        Task flooding = Task.Run(async () =>
        {
            while (!enough.IsCancellationRequested)
            {
                await flooder.SendAsync(flood);
            }
        });

        Eventually.That(() => server.Counters.PacketsReceived, Is.GreaterThan(100_000));
        long victimPayload = server.Counters.Named().Single(counter => counter.Key == "bytes.payload").Value;
        for (int i = 1; i <= 20; i++)
        {
            long expected = victimPayload + (25 * i);
            await victim.SendAsync(Article);
            Eventually.That(() => server.Counters.Named().Single(counter => counter.Key == "bytes.payload").Value, Is.EqualTo(expected));
        }

        await enough.CancelAsync();
        await flooding;
    }
}
