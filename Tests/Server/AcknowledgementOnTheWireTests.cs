using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>PROTOCOL, acknowledgements over real sockets.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class AcknowledgementOnTheWireTests(TransportChoice transport)
{
    [Test]
    public async Task Numbers_rise_and_the_last_one_covers_every_packet_before_the_FIN()
    {
        Needs.HalfClose(transport);
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();
        Task<byte[]> receiving = peer.ReceiveToEndAsync();

        for (int i = 0; i < 200; i++)
        {
            await peer.SendAsync(Repeat(Article, 50));
        }

        peer.Finish();
        long[] numbers = Acknowledgements(await receiving);

        Assert.That(numbers, Is.Ordered.And.Unique);
        Assert.That(numbers[^1], Is.EqualTo(10_000));
        server.AssertClosed(CloseReason.PeerClosed);
        Assert.That(server.Counters[Counter.PacketsAcknowledged], Is.EqualTo(10_000));
        Assert.That(server.Counters[Counter.PacketsSent], Is.EqualTo(numbers.Length));
    }

    [Test]
    public async Task Bad_prefix_is_answered_by_the_packets_before_it()
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Glue(Repeat(Article, 7), "X"u8.ToArray()));
        long[] numbers = Acknowledgements(await peer.ReceiveToEndAsync());
        peer.Finish();

        Assert.That(numbers, Is.EqualTo(new[] { 7 }));
        server.AssertClosed(CloseReason.InvalidPrefix);
    }

    [Test]
    public async Task Stop_acknowledges_what_it_processed()
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Repeat(Article, 1000));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.Positive);

        Task stop = server.StopAsync();
        long[] numbers = Acknowledgements(await peer.ReceiveToEndAsync());
        peer.Dispose();
        await stop;

        Assert.That(numbers[^1], Is.EqualTo(server.Counters.PacketsProcessed));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Failed_packet_is_not_acknowledged(bool later)
    {
        await using RunningServer server = await StartAsync(new PoisonedProcessor(later));
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Repeat(Article, 5));
        Assert.That(Acknowledgements(await peer.ReceiveAsync(15)), Is.EqualTo(new[] { 5 }));

        await peer.SendAsync(PoisonedProcessor.Poison);
        long[] numbers = Acknowledgements(await peer.ReceiveToEndAsync());
        peer.Finish();

        Assert.That(numbers, Is.Empty);
        server.AssertClosed(CloseReason.ProcessingFailed);
        Assert.That(server.Counters[Counter.PacketsAcknowledged], Is.EqualTo(5));
    }

    private Task<RunningServer> StartAsync(IPacketProcessor? processor = null) => RunningServer.StartAsync(
        transport, processor, options => options with { Ack = AckLevel.Processed });
}
