using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 20 and 21: processors that fail or are slow.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class ProcessorTests(TransportChoice transport)
{
    [TestCase(false)]
    [TestCase(true)]
    public async Task Failing_processor_closes_its_connection_only_and_is_logged_once(bool later)
    {
        await using RunningServer server = await RunningServer.StartAsync(transport, new PoisonedProcessor(later));
        using Peer poisoner = await server.ConnectAsync();
        using Peer other = await server.ConnectAsync();

        await poisoner.SendAsync(Glue(Repeat(Article, 3), PoisonedProcessor.Poison));
        await poisoner.ClosedByServerAsync();
        await other.SendAsync(Article);

        Eventually.That(() => server.Counters.PacketsProcessed, Is.GreaterThanOrEqualTo(1));
        server.AssertClosed(CloseReason.ProcessingFailed);
        Assert.Multiple(() =>
        {
            Assert.That(server.Counters.PacketsDropped, Is.InRange(1, 4));
            Assert.That(server.Log.Errors.Count(), Is.EqualTo(1));
            Assert.That(server.Counters.Open, Is.EqualTo(1));
        });
    }

    [Test]
    public async Task Slow_processor_pauses_the_peer_and_loses_nothing()
    {
        var processor = new GatedProcessor();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer peer = await server.ConnectAsync();
        byte[] packet = OfLength(1000);
        const int Count = 20_000; // 20 MB, far above the watermark and the sockets' buffers

        Task sending = peer.SendAsync(Repeat(packet, Count));
        Eventually.That(() => server.Counters.Paused, Is.EqualTo(1));
        long received = server.Counters.PacketsReceived;
        Assert.That(received * packet.Length, Is.LessThan(1024 * 1024), "bytes received while nothing is processed");

        while (server.Counters.PacketsProcessed < Count)
        {
            processor.CompleteAll();
            await Task.Yield();
            TestContext.CurrentContext.CancellationToken.ThrowIfCancellationRequested();
        }

        await sending;
        peer.Finish();
        server.AssertClosed(CloseReason.PeerClosed);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(Count));
        Assert.That(server.Counters.Paused, Is.Zero);
    }

    [Test]
    public async Task Bad_prefix_waits_for_the_packets_before_it()
    {
        var processor = new GatedProcessor();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Glue(Article, "X"u8.ToArray()));
        Eventually.That(() => processor.Batches, Is.EqualTo(1));
        Assert.That(server.Counters.Open, Is.EqualTo(1), "open while its packet is pending");
        processor.CompleteAll();

        await peer.ClosedByServerAsync();
        server.AssertClosed(CloseReason.InvalidPrefix);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(1));
    }

    [Test]
    public async Task Simulated_work_processes_everything()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport,
            new SimulatedWorkProcessor(TimeSpan.FromMicroseconds(20), TimeProvider.System));
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Repeat(Article, 5000));
        peer.Finish();

        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(5000));
        server.AssertClosed(CloseReason.PeerClosed);
    }

    [Test]
    public async Task Loop_at_its_watermark_reads_no_more_from_any_of_many_peers()
    {
        var processor = new GatedProcessor();
        await using RunningServer server = await RunningServer.StartAsync(
            transport, processor, options => options with { EventLoops = 1, MemoryBytes = 16 * 1024 * 1024 }); // 4 MiB may be pending
        Peer[] peers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => server.ConnectAsync()));
        byte[] packets = Repeat(OfLength(1000), 59); // 200 × 59,413 = 11.9 MB

        await Task.WhenAll(peers.Select(peer => peer.SendAsync(packets)));
        Eventually.That(() => server.Counters.Paused, Is.EqualTo(200));
        await server.LoopsAsync();
        long received = server.Counters.BytesReceived;
        // One read more; DotNetty's sockets also finish reads scheduled before the pause, 256 bytes each.
        int scheduled = transport == TransportChoice.Sockets ? 200 * 256 : 0;
        Assert.That(received, Is.InRange(2_000_000, 4_194_304 + 65_536 + scheduled));

        while (server.Counters.PacketsProcessed < 200 * 59)
        {
            processor.CompleteAll();
            await Task.Yield();
            TestContext.CurrentContext.CancellationToken.ThrowIfCancellationRequested();
        }

        Assert.That(server.Counters.Paused, Is.Zero);
        Array.ForEach(peers, peer => peer.Dispose());
        server.AssertClosed(CloseReason.PeerClosed, 200);
    }

    [Test]
    public async Task Long_work_on_many_packets_is_slept_in_pieces()
    {
        var time = new ImmediateTime();
        var processor = new SimulatedWorkProcessor(TimeSpan.FromHours(1), time);
        var batch = PacketBatch.Of(DotNetty.Buffers.Unpooled.WrappedBuffer(Repeat(Article, 2000)));
        var source = new PacketSource(1, peer: null, eventLoop: 0);

        await processor.ProcessAsync(batch, source, CancellationToken.None).AsTask().WaitAsync(Peer.Patience);

        Assert.That(time.Slept, Is.EqualTo(TimeSpan.FromHours(2000)), "83 days; a single sleep may take 49");
        batch.Release();
    }

    /// <summary>A time provider whose timers fire immediately and whose waits are added up.</summary>
    private sealed class ImmediateTime : TimeProvider
    {
        public TimeSpan Slept { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Slept += dueTime;
            return System.CreateTimer(callback, state, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }
}
