using DotNettyFraming.CommandLine;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 11, 12 and 22: who sends nothing, or never finishes, is closed in time, whatever the date does.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class DeadlineTests(TransportChoice transport)
{
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Packet = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));

    [Test]
    public async Task Silent_peer_is_closed_between_the_limit_and_half_a_second_after_it()
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));

        await PassAsync(Idle - DeadlineSweep.Interval, server);
        Assert.That(server.Counters.Open, Is.EqualTo(1), "before the limit");
        await PassAsync(TimeSpan.FromSeconds(0.5), server);

        await peer.ClosedByServerAsync();
        server.AssertClosed(CloseReason.IdleTimeout);
    }

    [Test]
    public async Task Peer_that_sends_a_byte_before_each_idle_limit_is_closed_by_the_packets_limit()
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();
        byte[] packet = OfLength(1000);
        await peer.SendAsync(packet.AsMemory(0, 10));
        Eventually.That(() => server.Counters.BytesReceived, Is.EqualTo(10));
        for (int i = 10; i < 19; i++)
        {
            await PassAsync(TimeSpan.FromSeconds(2), server);
            await peer.SendAsync(packet.AsMemory(i, 1));
            int received = i + 1;
            Eventually.That(() => server.Counters.BytesReceived, Is.EqualTo(received));
        }

        Assert.That(server.Counters.Open, Is.EqualTo(1), "18 s of 20");
        await PassAsync(TimeSpan.FromSeconds(2.5), server);

        await peer.ClosedByServerAsync();
        server.AssertClosed(CloseReason.PacketTimeout);
    }

    [Test]
    public async Task Peer_that_sends_whole_packets_now_and_then_stays()
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();
        for (int i = 1; i <= 4; i++)
        {
            await peer.SendAsync(Article);
            int packets = i;
            Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(packets));
            await PassAsync(Idle - TimeSpan.FromSeconds(1), server);
        }

        Assert.That(server.Counters.Open, Is.EqualTo(1));
    }

    [Test]
    public async Task Peer_that_the_server_holds_back_is_not_to_blame()
    {
        var processor = new GatedProcessor();
        await using RunningServer server = await StartAsync(processor);
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Repeat(OfLength(60_000), 10));
        Eventually.That(() => server.Counters.Paused, Is.EqualTo(1));

        await PassAsync(2 * Idle, server);
        Assert.That(server.Counters.Open, Is.EqualTo(1));

        Eventually.That(
            () =>
            {
                processor.CompleteAll();
                return server.Counters.PacketsProcessed;
            },
            Is.EqualTo(10));
        await PassAsync(Idle + TimeSpan.FromSeconds(0.5), server);
        server.AssertClosed(CloseReason.IdleTimeout);
    }

    [Test]
    public async Task Bad_peer_whose_packets_are_never_done_with_is_closed_at_a_deadline_and_they_are_processed_all_the_same()
    {
        var processor = new GatedProcessor();
        await using RunningServer server = await StartAsync(processor);
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Glue(Article, "x"u8.ToArray()));
        Eventually.That(() => processor.Batches, Is.EqualTo(1));
        await server.LoopsAsync();

        await PassAsync(DeadlineSweep.OrderlyClose - TimeSpan.FromSeconds(0.5), server);
        Assert.That(server.Counters.Closed(CloseReason.InvalidPrefix), Is.Zero);
        await PassAsync(TimeSpan.FromSeconds(1), server);
        Eventually.That(() => server.Counters.Closed(CloseReason.InvalidPrefix), Is.EqualTo(1));
        await peer.ClosedByServerAsync();

        processor.CompleteAll();
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        server.AssertClosed(CloseReason.InvalidPrefix);
    }

    [Test]
    public async Task Date_set_back_and_forward_changes_nothing()
    {
        var clock = new SettableDate(_time);
        await using RunningServer server = await StartAsync(time: clock);
        using Peer peer = await server.ConnectAsync();
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));

        clock.Shift = TimeSpan.FromDays(3650);
        await PassAsync(TimeSpan.FromSeconds(30), server);
        clock.Shift = TimeSpan.FromDays(-3650);
        await PassAsync(TimeSpan.FromSeconds(29), server);
        Assert.That(server.Counters.Open, Is.EqualTo(1));
        await PassAsync(TimeSpan.FromSeconds(1.5), server);

        server.AssertClosed(CloseReason.IdleTimeout);
    }

    [Test]
    public async Task Uptime_beyond_the_wrap_of_32_bit_ticks_changes_nothing()
    {
        await using RunningServer server = await StartAsync();
        _time.Advance(TimeSpan.FromDays(49.8)); // 2^32 ms are 49.7 days; nobody is connected, so one sweep is as good as all
        using Peer peer = await server.ConnectAsync();
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));

        await PassAsync(Idle - DeadlineSweep.Interval, server);
        Assert.That(server.Counters.Open, Is.EqualTo(1));
        await PassAsync(TimeSpan.FromSeconds(0.5), server);
        server.AssertClosed(CloseReason.IdleTimeout);
    }

    private Task<RunningServer> StartAsync(GatedProcessor? processor = null, TimeProvider? time = null) => RunningServer.StartAsync(
        transport, processor, options => options with { IdleTimeout = Idle, PacketTimeout = Packet, EventLoops = 1 }, time ?? _time);

    /// <summary>Lets the time pass sweep by sweep, each of them done before the next.</summary>
    private async Task PassAsync(TimeSpan time, RunningServer server)
    {
        for (TimeSpan passed = TimeSpan.Zero; passed < time; passed += DeadlineSweep.Interval)
        {
            _time.Advance(DeadlineSweep.Interval);
            await server.LoopsAsync();
        }
    }

    /// <summary>The fake clock with a date that can be set; its timestamps and timers go on as they do.</summary>
    private sealed class SettableDate(FakeTimeProvider time) : TimeProvider
    {
        public TimeSpan Shift { get; set; }

        public override long TimestampFrequency => time.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + Shift;

        public override long GetTimestamp() => time.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            time.CreateTimer(callback, state, dueTime, period);
    }
}
