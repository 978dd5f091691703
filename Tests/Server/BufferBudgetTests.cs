using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 17: memory for unfinished packets is bounded; the oldest connections are closed first and the others served.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class BufferBudgetTests(TransportChoice transport)
{
    private const int MiB = 1024 * 1024;

    [Test]
    public async Task Oldest_unfinished_packets_are_closed_and_the_others_served()
    {
        var time = new FakeTimeProvider();
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { MaxBufferedBytes = 8 * MiB }, time: time);
        using Peer healthy = await server.ConnectAsync();
        List<Peer> holders = await ConnectHoldersAsync(server, time, OfLength(65_535)[..^1], count: 300); // 18.7 MiB in all

        await AssertOldestClosedAsync(server, holders, closed: 170, limit: 8 * MiB);
        await healthy.SendAsync(Article);
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));

        // The last peer connected after others were closed, so it can still finish.
        await holders[^1].SendAsync(OfLength(65_535).AsMemory(^1..));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(2));
        holders.ForEach(holder => holder.Dispose());
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));
        Assert.That(server.Counters.BytesAllocated, Is.Zero);
        server.AssertBooksBalance();
    }

    [Test]
    public async Task Small_budget_spread_over_many_loops_closes_no_connection()
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
            await server.LoopsAsync(); // shedding would need one round of the loops
        }

        await Task.WhenAll(peers.Select(peer => peer.SendAsync(OfLength(2000).AsMemory(1500..))));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(16));

        Assert.That(server.Counters.Closed(CloseReason.BufferBudget), Is.Zero);
        peers.ForEach(peer => peer.Dispose());
    }

    [Test]
    public void Small_budget_does_not_collect_garbage_for_each_closed_connection()
    {
        var budget = new BufferBudget(MiB, eventLoops: 2);
        int before = GC.CollectionCount(2);
        for (int i = 0; i < 127; i++)
        {
            budget.CollectAfterShedding(64 * 1024);
        }

        Assert.That(GC.CollectionCount(2) - before, Is.LessThan(5), "none requested below 8 MiB; the runtime may start one of its own");
        before = GC.CollectionCount(2);
        budget.CollectAfterShedding(64 * 1024);
        Assert.That(GC.CollectionCount(2), Is.GreaterThan(before));
    }

    [Test]
    public void Budget_is_exceeded_above_its_limit_and_not_at_it()
    {
        var budget = new BufferBudget(4 * MiB, eventLoops: 2);
        int exceeded = 0;
        budget.Exceeded = () => exceeded++;

        budget.Take(4 * MiB);
        Assert.That(exceeded, Is.Zero);
        Assert.That(budget.ShareToShed(4 * MiB, out _), Is.Zero);
        budget.Take(1);
        Assert.That(exceeded, Is.EqualTo(1));
        budget.GiveBack(1);
        budget.GiveBack(4 * MiB);
        Assert.That(budget.HeldBytes, Is.Zero);
    }

    [Test]
    public void Largest_limit_is_never_exceeded()
    {
        var budget = new BufferBudget(long.MaxValue, eventLoops: 2);
        budget.Exceeded = () => Assert.Fail("exceeded");

        budget.Take(int.MaxValue);

        Assert.That(budget.HeldBytes, Is.EqualTo(int.MaxValue));
        Assert.That(budget.ShareToShed(int.MaxValue, out _), Is.Zero);
    }

    [Test]
    public void Loops_shed_in_proportion_and_only_those_above_the_average_may_pass_their_share()
    {
        var budget = new BufferBudget(8 * MiB, eventLoops: 2);
        budget.Take(9 * MiB); // 1 MiB above the limit; an eighth of the limit must become free

        Assert.That(budget.ShareToShed(6 * MiB, out bool mayPass), Is.EqualTo(2 * MiB * 6L / 9).Within(1));
        Assert.That(mayPass, Is.True);
        Assert.That(budget.ShareToShed(3 * MiB, out mayPass), Is.EqualTo(2 * MiB * 3L / 9).Within(1));
        Assert.That(mayPass, Is.False);
    }

    [Test]
    public async Task Above_the_budget_connections_are_shed_until_an_eighth_is_free()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { MaxBufferedBytes = MiB, EventLoops = 1 });
        List<Peer> holders = [];
        for (int i = 1; i <= 17; i++) // 16 x 61,680 bytes fit into 1 MiB
        {
            Peer holder = await server.ConnectAsync();
            holders.Add(holder);
            await holder.SendAsync(OfLength(61_681).AsMemory(..^8));
            int count = i;
            Eventually.That(() => server.Counters.BytesReceived, Is.EqualTo(count * 61_680L));
            if (i == 16)
            {
                await server.LoopsAsync();
                Assert.That(server.Counters.Closed(CloseReason.BufferBudget), Is.Zero, "below the limit");
            }
        }

        server.AssertClosed(CloseReason.BufferBudget, 3);
        Assert.That(server.Counters.BytesAllocated, Is.LessThanOrEqualTo(7L * MiB / 8));
        await holders[0].ClosedByServerAsync();
        holders.ForEach(holder => holder.Dispose());
    }

    /// <summary>Connects peers that each send part of a packet; the first 21 are older than the rest.</summary>
    internal static async Task<List<Peer>> ConnectHoldersAsync(RunningServer server, FakeTimeProvider time, byte[] part, int count)
    {
        List<Peer> holders = [];
        for (int i = 0; i < count; i++)
        {
            Peer holder = await server.ConnectAsync();
            holders.Add(holder);
            await holder.SendAsync(part);
            if (i == 20)
            {
                Eventually.That(() => server.Counters.BytesAllocated, Is.GreaterThanOrEqualTo(20L * part.Length));
                time.Advance(DeadlineSweep.Interval);
                await server.LoopsAsync();
            }
        }

        return holders;
    }

    /// <summary>Asserts that the server closed at least this number of connections, the oldest too, and is within its limit.</summary>
    internal static async Task AssertOldestClosedAsync(RunningServer server, List<Peer> holders, int closed, long limit)
    {
        Eventually.That(() => server.Counters.Closed(CloseReason.BufferBudget), Is.GreaterThanOrEqualTo(closed));
        Eventually.That(() => server.Counters.BytesAllocated, Is.LessThanOrEqualTo(limit));
        await holders[0].ClosedByServerAsync();
        await holders[19].ClosedByServerAsync();
    }
}
