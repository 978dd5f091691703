using DotNetty.Buffers;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;
using DotNettyFraming.CommandLine;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 17: what unfinished packets hold is bounded, those that have held for the longest go first, and the others are served.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class BufferBudgetTests(TransportChoice transport)
{
    private const int MiB = 1024 * 1024;

    [Test]
    public async Task Connections_that_have_held_for_the_longest_are_closed_and_the_others_served()
    {
        var time = new FakeTimeProvider();
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { MaxBufferedBytes = 8 * MiB }, time: time);
        using Peer healthy = await server.ConnectAsync();
        byte[] part = OfLength(65_535)[..^1];
        List<Peer> holders = [];
        for (int i = 1; i <= 300; i++) // 18.7 MiB in all
        {
            Peer holder = await server.ConnectAsync();
            holders.Add(holder);
            await holder.SendAsync(part);
            if (i == 20)
            {
                Eventually.That(() => server.Counters.BytesAllocated, Is.GreaterThanOrEqualTo(20L * part.Length));
                time.Advance(DeadlineSweep.Interval); // so that these are known to be older than the rest
                await server.LoopsAsync();
            }
        }

        Eventually.That(() => server.Counters.Closed(CloseReason.BufferBudget), Is.GreaterThanOrEqualTo(170));
        Eventually.That(() => server.Counters.BytesAllocated, Is.LessThanOrEqualTo(8L * MiB));
        await holders[0].ClosedByServerAsync();
        await holders[19].ClosedByServerAsync();
        await healthy.SendAsync(Article);
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));

        // The last one came when others had been closed for it: it can still finish.
        await holders[^1].SendAsync(OfLength(65_535).AsMemory(^1..));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(2));
        holders.ForEach(holder => holder.Dispose());
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));
        Assert.That(server.Counters.BytesAllocated, Is.Zero);
        server.AssertBooksBalance();
    }

    [Test]
    public async Task Small_budget_closes_nobody_while_little_is_held_on_each_of_many_loops()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { MaxBufferedBytes = MiB, EventLoops = 8 });
        List<Peer> peers = [];
        for (int i = 0; i < 16; i++)
        {
            Peer peer = await server.ConnectAsync();
            peers.Add(peer);
            await peer.SendAsync(OfLength(2000).AsMemory(0, 1500));
        }

        Eventually.That(() => server.Counters.BytesReceived, Is.EqualTo(16 * 1500));
        for (int i = 0; i < 50; i++)
        {
            await server.LoopsAsync(); // a relief, if there were one, takes a few rounds of the loops
        }

        await Task.WhenAll(peers.Select(peer => peer.SendAsync(OfLength(2000).AsMemory(1500..))));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(16));

        Assert.That(server.Counters.Closed(CloseReason.BufferBudget), Is.Zero);
        peers.ForEach(peer => peer.Dispose());
    }

    [Test]
    public void Small_budget_is_not_collected_for_each_connection_that_is_closed()
    {
        var budget = new BufferBudget(MiB, eventLoops: 2);
        int before = GC.CollectionCount(2);
        for (int i = 0; i < 127; i++)
        {
            budget.Shed(64 * 1024);
        }

        Assert.That(GC.CollectionCount(2) - before, Is.LessThan(5), "below 8 MiB none of ours; the runtime may have one of its own");
        before = GC.CollectionCount(2);
        budget.Shed(64 * 1024);
        Assert.That(GC.CollectionCount(2), Is.GreaterThan(before));
    }

    [Test]
    public void Lease_goes_up_with_what_is_held_and_down_again()
    {
        var budget = new BufferBudget(4 * MiB, eventLoops: 1);
        int exhausted = 0;
        budget.Exhausted = () => exhausted++;
        var counters = new DecoderCounters();
        var loop = new LoopBudget(budget, counters);
        List<EmbeddedChannel> channels = [];

        Hold(50); // 3.1 MiB
        Assert.That(budget.LeasedBytes, Is.InRange(50 * 65_541, 4 * MiB));
        Assert.That(exhausted, Is.Zero);
        Hold(20);
        Assert.That(exhausted, Is.Positive);

        channels.ForEach(channel => channel.FinishAndReleaseAll());
        Assert.That(counters.BytesAllocated, Is.Zero);
        loop.GiveBack(LoopBudget.SpareSteps);
        Assert.That(budget.LeasedBytes, Is.EqualTo(LoopBudget.SpareSteps * budget.StepBytes), "a little is kept");
        loop.GiveBack(spareSteps: 0);
        Assert.That(budget.LeasedBytes, Is.Zero);

        void Hold(int connections)
        {
            for (int i = 0; i < connections; i++)
            {
                var channel = new EmbeddedChannel(new PacketDecoder(counters: counters));
                channels.Add(channel);
                channel.WriteInbound(Unpooled.WrappedBuffer(OfLength(65_535)[..^1]));
            }
        }
    }
}
