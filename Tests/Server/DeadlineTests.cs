using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Server.Storage;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.Server.Storage;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 11, 12 and 22: silent peers and unfinished packets are closed in time, whatever the system clock does.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class DeadlineTests(TransportChoice transport)
{
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Packet = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(200);

    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(50));

    [Test]
    public async Task Silent_peer_is_closed_within_half_a_second_after_the_limit()
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));

        await PassAsync(Idle - Step, server);
        Assert.That(server.Counters.Open, Is.EqualTo(1), "before the limit");
        await PassAsync(TimeSpan.FromSeconds(0.5), server);

        await peer.ClosedByServerAsync();
        server.AssertClosed(CloseReason.IdleTimeout);
    }

    [Test]
    public async Task Byte_before_each_idle_limit_is_closed_by_the_packet_timeout()
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
    public async Task Peer_that_sends_a_packet_before_each_limit_stays_open()
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
    public async Task Paused_peer_does_not_time_out()
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
    public async Task Peers_that_wait_for_a_slow_disk_are_paused_by_the_loop_and_do_not_time_out()
    {
        const int Peers = 100;
        using var directory = new TemporaryDirectory();
        using var disk = new ManualResetEventSlim();
        using StoreWriter store = StoreRig.Open(directory.Path);
        store.OnCommitted = () => disk.Wait(2 * Harness.Peer.Patience);
        await using RunningServer server = await StartAsync(
            configure: options => options with { MemoryBytes = 16 * 1024 * 1024 }, store: store); // 4 MiB may be pending
        Peer[] peers = await Task.WhenAll(Enumerable.Range(0, Peers).Select(_ => server.ConnectAsync()));
        byte[] packets = Repeat(OfLength(1000), 59); // 100 × 59,413 = 5.9 MB

        await Task.WhenAll(peers.Select(peer => peer.SendAsync(packets)));
        Eventually.That(() => server.Counters[Counter.PausedByLoop], Is.EqualTo(Peers));
        await PassAsync(2 * Idle, server);

        Assert.That(server.Counters.Open, Is.EqualTo(Peers));
        int scheduled = transport == TransportChoice.Sockets ? Peers * 256 : 0; // reads of DotNetty's sockets from before the pause
        Assert.That(server.Counters.BytesReceived, Is.InRange(3_500_000, 4_194_304 + 65_536 + scheduled));
        Assert.That(server.Counters.PacketsProcessed, Is.Zero);

        disk.Set();
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(Peers * 59));
        Assert.That(server.Counters.Paused, Is.Zero);
        Array.ForEach(peers, peer => peer.Dispose());
    }

    [Test]
    public async Task Bad_prefix_behind_a_stuck_packet_closes_at_a_deadline()
    {
        var processor = new GatedProcessor();
        await using RunningServer server = await StartAsync(processor);
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Glue(Article, "x"u8.ToArray()));
        Eventually.That(() => processor.Batches, Is.EqualTo(1));
        await server.LoopsAsync();

        await PassAsync(TimeSpan.FromSeconds(29.4), server);
        Assert.That(server.Counters.Closed(CloseReason.InvalidPrefix), Is.Zero);
        await PassAsync(TimeSpan.FromSeconds(1), server);
        Eventually.That(() => server.Counters.Closed(CloseReason.InvalidPrefix), Is.EqualTo(1));
        await peer.ClosedByServerAsync();

        processor.CompleteAll();
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        server.AssertClosed(CloseReason.InvalidPrefix);
    }

    [Test]
    public async Task Sweeps_close_within_half_a_second_of_a_limit_between_them()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { IdleTimeout = TimeSpan.FromSeconds(60.01), EventLoops = 1 }, time: _time);
        using Peer peer = await server.ConnectAsync();
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));

        await PassAsync(TimeSpan.FromSeconds(60), server);
        Assert.That(server.Counters.Open, Is.EqualTo(1), "before the limit");
        for (int i = 0; i < 51; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(10));
            await server.LoopsAsync();
        }

        Eventually.That(() => server.Counters.Closed(CloseReason.IdleTimeout), Is.EqualTo(1), "60.51 s");
    }

    [Test]
    public async Task Suspended_process_closes_no_peer()
    {
        await using RunningServer server = await StartAsync();
        using Peer idle = await server.ConnectAsync();
        using Peer slow = await server.ConnectAsync();
        await slow.SendAsync(Article.AsMemory(0, 10));
        Eventually.That(() => server.Counters.BytesReceived, Is.EqualTo(10));
        await PassAsync(TimeSpan.FromSeconds(18), server);

        _time.Advance(TimeSpan.FromMinutes(2)); // in one step, as if no loop ran meanwhile
        await server.LoopsAsync();
        await PassAsync(TimeSpan.FromSeconds(1), server);

        Assert.That(server.Counters.Open, Is.EqualTo(2));
        await slow.SendAsync(Article.AsMemory(10));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        await PassAsync(TimeSpan.FromSeconds(42), server);
        Assert.That(server.Counters.Closed(CloseReason.IdleTimeout), Is.EqualTo(1), "the silent one, after 60 observed seconds");
    }

    [Test]
    public async Task Blocked_loop_closes_no_peer_with_bytes_waiting_in_its_socket()
    {
        using var processor = new BlockingProcessor();
        await using RunningServer server = await RunningServer.StartAsync(
            transport,
            processor,
            options => options with { IdleTimeout = Idle, PacketTimeout = Packet, EventLoops = 1 },
            _time);
        using Peer idle = await server.ConnectAsync();
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));
        await PassAsync(TimeSpan.FromSeconds(40), server);
        using Peer slow = await server.ConnectAsync();
        await slow.SendAsync(Article.AsMemory(0, 10));
        using Peer blocking = await server.ConnectAsync();
        Eventually.That(() => server.Counters.Open, Is.EqualTo(3));
        Eventually.That(() => server.Counters.BytesReceived, Is.EqualTo(10));
        await PassAsync(TimeSpan.FromSeconds(20), server); // one sweep short of both limits

        processor.Blocks = true;
        await blocking.SendAsync(Article);
        processor.AwaitBlocked();
        await idle.SendAsync(Article);
        await slow.SendAsync(Article.AsMemory(10));
        _time.Advance(TimeSpan.FromSeconds(2.5));
        processor.Unblock();

        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(3));
        await PassAsync(TimeSpan.FromSeconds(1), server);
        Assert.That(server.Counters.Open, Is.EqualTo(3));
        server.AssertBooksBalance();
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
        const long WrapTicks = (1L << 32) * TimeSpan.TicksPerMillisecond;
        long start = _time.GetTimestamp();
        var time = new FakeTimeProvider(new DateTimeOffset(start - (start % WrapTicks) + WrapTicks - (Idle / 2).Ticks, TimeSpan.Zero));
        await using RunningServer server = await StartAsync(time: time);
        using Peer peer = await server.ConnectAsync();
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));

        await PassAsync(Idle - Step, server, time); // the millisecond count passes a multiple of 2^32 half-way
        Assert.That(server.Counters.Open, Is.EqualTo(1));
        await PassAsync(TimeSpan.FromSeconds(0.5), server, time);
        server.AssertClosed(CloseReason.IdleTimeout);
    }

    private Task<RunningServer> StartAsync(
        GatedProcessor? processor = null,
        TimeProvider? time = null,
        Func<ServerOptions, ServerOptions>? configure = null,
        StoreWriter? store = null)
    {
        ServerOptions Configure(ServerOptions options)
        {
            options = options with { IdleTimeout = Idle, PacketTimeout = Packet, EventLoops = 1 };
            return configure?.Invoke(options) ?? options;
        }

        return RunningServer.StartAsync(transport, processor, Configure, time ?? _time, store: store);
    }

    /// <summary>Advances the time sweep by sweep and waits for each sweep.</summary>
    private async Task PassAsync(TimeSpan time, RunningServer server, FakeTimeProvider? clock = null)
    {
        for (TimeSpan passed = TimeSpan.Zero; passed < time; passed += Step)
        {
            (clock ?? _time).Advance(Step);
            await server.LoopsAsync();
        }
    }

    /// <summary>A processor that blocks its event loop until the test releases it.</summary>
    private sealed class BlockingProcessor : IPacketProcessor, IDisposable
    {
        private readonly ManualResetEventSlim _blocked = new();
        private readonly ManualResetEventSlim _unblocked = new();

        public volatile bool Blocks;

        public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken forcedStop)
        {
            if (Blocks)
            {
                Blocks = false;
                _blocked.Set();
                _unblocked.Wait(Peer.Patience, CancellationToken.None);
            }

            return ValueTask.CompletedTask;
        }

        public void AwaitBlocked() => Assert.That(_blocked.Wait(Peer.Patience), Is.True, "the loop is blocked");

        public void Unblock() => _unblocked.Set();

        public void Dispose()
        {
            _unblocked.Set();
            _blocked.Dispose();
            _unblocked.Dispose();
        }
    }

    /// <summary>The fake clock with a date that can be set; timestamps and timers are not affected.</summary>
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
