using System.Diagnostics;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Sending;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.LoadClient.Sending;

/// <summary>The open loop under fake time; <see cref="HeldWrites"/> takes the place of the kernel.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RatePacingTests
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));
    private readonly EmbeddedChannel _anyLoop = new();
    private readonly Queue<IRunnable> _tasks = new();
    private readonly List<HeldWrites> _kernels = [];
    private readonly List<SendingHandler> _senders = [];
    private readonly List<EmbeddedChannel> _channels = [];
    private (IRunnable Task, long At)? _timer;
    private LoadLoop _loop = null!;
    private long _began;

    [TearDown]
    public void Release()
    {
        _kernels.ForEach(kernel => kernel.ReleaseAll());
        _channels.ForEach(channel => channel.FinishAndReleaseAll());
        _anyLoop.FinishAndReleaseAll();
    }

    [Test]
    public void Each_write_goes_out_when_it_is_due_and_not_before()
    {
        Start(connections: 2, rate: 1000);

        Advance(microseconds: 0);
        Assert.That(Writes, Is.EqualTo(new[] { 1, 0 }), "the first is due at the start");
        Advance(microseconds: 999);
        Assert.That(Writes, Is.EqualTo(new[] { 1, 0 }));
        Advance(microseconds: 1);
        Assert.That(Writes, Is.EqualTo(new[] { 1, 1 }));
        Advance(microseconds: 8000);
        Assert.That(Writes, Is.EqualTo(new[] { 5, 5 }));
    }

    [Test]
    public void Server_that_stalls_shows_in_the_latency_of_all_that_was_due_meanwhile()
    {
        Start(connections: 1, rate: 100, taking: false); // each 10 ms
        Advance(microseconds: 0);
        Advance(milliseconds: 100); // ten more are due, and the kernel takes none
        Assert.That(Writes, Is.EqualTo(new[] { 1 }), "one write at a time");

        for (int i = 0; i < 11; i++)
        {
            _kernels[0].TakeIfHeld();
            RunTasks();
        }

        Assert.That(Writes, Is.EqualTo(new[] { 11 }), "none is skipped");
        Latency latency = Latency.Of(_loop.Counters.TakeInterval()[LatencyKind.Write]);
        Assert.That(latency.Count, Is.EqualTo(11));
        Assert.That(latency.Max, Is.EqualTo(100_000).Within(0.1).Percent, "the first was due 100 ms ago");
        Assert.That(latency.P50, Is.EqualTo(50_000).Within(0.1).Percent, "waiting for the server would measure the first alone");
        Assert.That(_loop.Counters.Totals().PacketsLate, Is.EqualTo(9), "the first was in time, the last has just become due");
    }

    [Test]
    public void Stalled_connection_does_not_hold_the_others_up()
    {
        Start(connections: 2, rate: 1000);
        _kernels[0].Taking = false;
        Advance(milliseconds: 100);

        Assert.That(Writes[0], Is.EqualTo(1));
        Assert.That(Writes[1], Is.EqualTo(50));
    }

    [Test]
    public void Write_is_late_a_millisecond_after_it_was_due_and_not_before()
    {
        Start(connections: 1, rate: 10);
        Jump(TimeSpan.FromMilliseconds(1));
        FireTimer();
        Assert.That(_loop.Counters.Totals().PacketsLate, Is.Zero);

        Jump(TimeSpan.FromMilliseconds(100.001));
        FireTimer();
        Assert.That(_loop.Counters.Totals().PacketsLate, Is.EqualTo(1));
    }

    [Test]
    public void What_is_due_before_the_end_is_sent_after_it_and_nothing_else()
    {
        Start(connections: 1, rate: 100, taking: false);
        _loop.Pacing.EndAt(_began + _clock.TimestampFrequency / 20); // 50 ms: writes at 0, 10, 20, 30 and 40 ms
        Advance(milliseconds: 200);
        _senders[0].Finish();
        Assert.That(_senders[0].IsBusy, Is.True);

        for (int i = 0; i < 10; i++)
        {
            _kernels[0].TakeIfHeld();
            RunTasks();
        }

        Assert.That(Writes, Is.EqualTo(new[] { 5 }));
        Assert.That(_senders[0].IsBusy, Is.False);
        Assert.That(_loop.Counters.Totals().Ended(ConnectionEnd.Completed), Is.EqualTo(1));
    }

    [Test]
    public void Packets_owed_at_the_end_of_a_connection_are_reported_with_their_wait()
    {
        Start(connections: 1, rate: 100, taking: false);
        Advance(milliseconds: 100);
        _channels[0].CloseAsync();
        RunTasks();

        Assert.That(_loop.Counters.Totals().PacketsUnsent, Is.EqualTo(10));
        Latency latency = Latency.Of(_loop.Counters.TakeInterval()[LatencyKind.Write]);
        Assert.That((latency.Count, latency.Max), Is.EqualTo((11L, 100_031L)).Or.EqualTo((11L, 100_000L)), "the write under way too");
    }

    [Test]
    public void Share_ends_the_sending()
    {
        Start(connections: 1, rate: 1000, share: 5);
        Advance(milliseconds: 100);

        Assert.That(Writes, Is.EqualTo(new[] { 5 }));
        Assert.That(_senders[0].IsBusy, Is.False);
        Assert.That(_loop.Counters.Totals().PacketsSent, Is.EqualTo(5));
    }

    [Test]
    public void Achieved_rate_is_the_asked_one_over_a_minute()
    {
        Start(connections: 7, rate: 12_345);
        Advance(milliseconds: 60_000);

        Assert.That(_loop.Counters.Totals().PacketsSent, Is.EqualTo(12_345 * 60).Within(7));
        Assert.That(_loop.Counters.Totals().PacketsLate, Is.Zero);
    }

    [Test]
    public void Packets_owed_at_a_billion_per_second_are_counted_in_one_step()
    {
        Start(connections: 1, rate: 1_000_000_000, taking: false);
        long began = Stopwatch.GetTimestamp();

        Jump(TimeSpan.FromSeconds(1));
        Assert.That(_loop.Pacing.Owed(_senders[0]), Is.EqualTo(1_000_000_000).Within(100), "a write per nanosecond, and a clock of 100 ns");
        _channels[0].CloseAsync();
        RunTasks();

        Assert.That(_loop.Counters.Totals().PacketsUnsent, Is.EqualTo(1_000_000_000).Within(100));
        Latency latency = Latency.Of(_loop.Counters.TakeInterval()[LatencyKind.Write]);
        Assert.That(latency.Count, Is.EqualTo(1_000_000_000).Within(100));
        Assert.That(latency.P50, Is.EqualTo(500_000).Within(0.1).Percent);
        Assert.That(latency.Max, Is.EqualTo(1_000_000).Within(0.1).Percent);
        Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(1)));
    }

    [Test]
    public void Stall_of_many_rounds_is_owed_by_each_connection()
    {
        Start(connections: 3, rate: 300, taking: false); // each connection has a write per 10 ms
        Jump(TimeSpan.FromSeconds(1));

        Assert.That(_senders.Select(_loop.Pacing.Owed), Is.EqualTo(new[] { 101, 100, 100 }), "the first of the next round is due too");
    }

    private int[] Writes => [.. _kernels.Select(kernel => kernel.Writes)];

    private void Start(int connections, double rate, bool taking = true, long share = PacketShares.Endless)
    {
        var tape = new PacketTape(PayloadShape.Of(LoadOptions.DefaultPayload), packetsPerWrite: 1, seed: 0);
        var transport = new LoadTransport(
            _anyLoop.EventLoop, _ => throw new InvalidOperationException("this test connects nothing"), channel => channel.CloseAsync());
        _loop = new LoadLoop(
            _anyLoop.EventLoop, transport, tls: null, new LoadOptions(), tape, _clock, NullLogger.Instance);
        for (int i = 0; i < connections; i++)
        {
            _kernels.Add(new HeldWrites { Taking = taking });
            _senders.Add(new SendingHandler(_loop, i));
            _channels.Add(new EmbeddedChannel(_kernels[i], _senders[i]));
        }

        _began = _clock.GetTimestamp();
        var timetable = Timetable.Of(_began, rate, 1, connections, connections, 0, 1, _clock.TimestampFrequency);
        _loop.UsePacing(new RatePacing(
            timetable,
            _loop.Clock,
            _loop.Counters,
            _tasks.Enqueue,
            (task, delay) => _timer = (task, _clock.GetTimestamp() + (long)(delay.TotalSeconds * _clock.TimestampFrequency)),
            joining: false));
        _senders.ForEach(sender => sender.Start(share));
    }

    private void Advance(int milliseconds) => AdvanceTo(_clock.GetTimestamp() + (milliseconds * _clock.TimestampFrequency / 1000));

    private void Advance(double microseconds) =>
        AdvanceTo(_clock.GetTimestamp() + (long)(microseconds * _clock.TimestampFrequency / 1_000_000));

    /// <summary>Advances the time from timer to timer, as an idle event loop would see it.</summary>
    private void AdvanceTo(long end)
    {
        RunTasks();
        while (_timer is var (_, at) && at <= end)
        {
            Jump(_clock.GetElapsedTime(_clock.GetTimestamp(), Math.Max(at, _clock.GetTimestamp())));
            FireTimer();
        }

        Jump(_clock.GetElapsedTime(_clock.GetTimestamp(), end));
        RunTasks();
    }

    private void Jump(TimeSpan time) => _clock.Advance(time);

    private void FireTimer()
    {
        IRunnable task = _timer!.Value.Task;
        _timer = null;
        task.Run();
        RunTasks();
    }

    private void RunTasks()
    {
        bool any;
        do
        {
            any = _tasks.TryDequeue(out IRunnable? task);
            task?.Run();
            _anyLoop.RunPendingTasks();
            _channels.ForEach(channel => channel.RunPendingTasks());
        }
        while (any || _tasks.Count > 0);
    }
}
