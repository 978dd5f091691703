using System.Diagnostics;
using DotNetty.Common.Concurrency;
using DotNettyFraming.Transport;
using DotNettyFraming.Transport.EventLoops;

namespace DotNettyFraming.Tests.Transport.EventLoops;

/// <summary>Timers below a millisecond, and the waits of the poller.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public class TimerTests
{
    private const int Tries = 300;

    private static readonly TimeSpan Delay = TimeSpan.FromMicroseconds(300);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Test]
    public async Task Timer_of_less_than_a_millisecond_fires_in_time_and_never_before()
    {
        var loop = new EpollEventLoop();
        long before = loop.WakeUps;
        TimeSpan[] took = await Measure(loop);
        long wakeUps = loop.WakeUps - before;
        bool fine = loop.Poller.WaitsNanoseconds;
        await loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Patience);

        Assert.That(took, Is.All.GreaterThanOrEqualTo(Delay));
        Assert.That(wakeUps, Is.LessThan(3 * Tries), "it does not spin");
        if (!fine)
        {
            Assert.Ignore("epoll_pwait2 needs Linux 5.11 and glibc 2.35");
        }

        // Rounded up to a millisecond, none could be below it. The best quarter, as the machine may be busy.
        Assert.That(took.Order().ElementAt(Tries / 4), Is.LessThan(TimeSpan.FromMicroseconds(900)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Wait_lasts_at_least_as_long_as_asked(bool fine)
    {
        using var poller = new EpollPoller(fine);
        foreach (long nanoseconds in new[] { 1, 100_000, 999_999, 1_000_000, 1_000_001 })
        {
            long start = Stopwatch.GetTimestamp();
            Assert.That(poller.Wait(nanoseconds), Is.Zero);
            Assert.That(
                Stopwatch.GetElapsedTime(start),
                Is.GreaterThanOrEqualTo(TimeSpan.FromTicks(nanoseconds / TimeSpan.NanosecondsPerTick)));
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Wait_of_any_length_ends_at_a_wake_up(bool fine)
    {
        using var poller = new EpollPoller(fine);
        foreach (long nanoseconds in new[] { -1, 3_000_000_000, long.MaxValue })
        {
            Task<int> wait = Task.Factory.StartNew(() => poller.Wait(nanoseconds), TaskCreationOptions.LongRunning);
            poller.Wake();
            Assert.That(await wait.WaitAsync(Patience), Is.EqualTo(1));
        }

        Assert.That(poller.Wait(0), Is.Zero);
    }

    [Test]
    public async Task Slow_tasks_delay_a_timer_by_a_few_of_them()
    {
        var loop = new EpollEventLoop();
        int slow = 0;
        int slowBefore = -1;
        loop.Execute(() =>
        {
            loop.Schedule(() => slowBefore = slow, TimeSpan.FromMilliseconds(1));
            for (int i = 0; i < 1000; i++)
            {
                loop.Execute(() => TakeTwoMilliseconds(ref slow, slowBefore >= 0));
            }
        });

        await loop.SubmitAsync(() => 0).WaitAsync(Patience);
        await Eventually(() => slowBefore >= 0);
        await loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Patience);

        Assert.That(slowBefore, Is.LessThanOrEqualTo(3));
    }

    [Test]
    public async Task Slow_timers_delay_a_task_by_a_few_of_them()
    {
        var loop = new EpollEventLoop();
        int slow = 0;
        int slowBefore = -1;
        loop.Execute(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                loop.Schedule(() => TakeTwoMilliseconds(ref slow, slowBefore >= 0), TimeSpan.Zero);
            }

            // It is due first, and its task runs behind the timers.
            loop.Schedule(() => loop.Execute(() => slowBefore = slow), TimeSpan.FromSeconds(-1));
        });

        await Eventually(() => slowBefore >= 0);
        await loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Patience);

        Assert.That(slowBefore, Is.LessThanOrEqualTo(3));
    }

    [Test]
    public async Task Timers_of_a_random_order_fire_by_their_time_and_cancelled_ones_never()
    {
        var loop = new EpollEventLoop();
        var random = new Random(17);
        var fired = new List<int>();
        IScheduledTask[] timers = await loop.SubmitAsync(() =>
        {
            IScheduledTask[] all = [.. Enumerable.Range(0, 1000).Select(
                i => loop.Schedule(() => fired.Add(i), TimeSpan.FromTicks(random.Next(50_000, 300_000))))];
            foreach (IScheduledTask timer in all.Where((_, i) => i % 3 == 0))
            {
                Assert.That(timer.Cancel(), Is.True);
                Assert.That(timer.Cancel(), Is.False, "a second time");
            }

            return all;
        }).WaitAsync(Patience);

        await loop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(100)).WaitAsync(Patience);
        await loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Patience);

        Assert.That(fired, Is.EqualTo(Enumerable.Range(0, 1000).Where(i => i % 3 != 0).OrderBy(i => timers[i].Deadline.Ticks)));
    }

    [Test]
    public async Task Timer_beyond_the_range_of_the_clock_never_fires()
    {
        var loop = new EpollEventLoop();
        bool fired = false;
        IScheduledTask never = loop.Schedule(() => fired = true, TimeSpan.MaxValue);

        await loop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(20)).WaitAsync(Patience);

        Assert.That(fired, Is.False);
        Assert.That(never.Cancel(), Is.True);
        await loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Patience);
    }

    [Test]
    public async Task Timer_that_sets_itself_again_costs_less_than_300_bytes_per_tick()
    {
        var loop = new EpollEventLoop();
        var done = new System.Threading.Tasks.TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        Action tick = () => { };
        int ticks = 0;
        long start = 0;
        TimeSpan cpu = default;
        void Tick()
        {
            ticks++;
            if (ticks == 100)
            {
                start = GC.GetAllocatedBytesForCurrentThread();
                cpu = loop.CpuTime;
            }
            else if (ticks == 600)
            {
                done.SetResult(GC.GetAllocatedBytesForCurrentThread() - start);
                return;
            }

            loop.Schedule(tick, TimeSpan.FromMicroseconds(500));
        }

        tick = Tick;
        loop.Execute(tick);
        long allocated = await done.Task.WaitAsync(Patience);
        TimeSpan took = loop.CpuTime - cpu;
        await loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Patience);

        TestContext.Out.WriteLine($"{allocated / 500.0:0} bytes, {took.TotalMicroseconds / 500:0.0} µs of CPU per tick");
        Assert.That(allocated / 500.0, Is.LessThan(300));
    }

    /// <summary>Keeps the loop busy for 2 ms, or not at all once the test has its answer.</summary>
    private static void TakeTwoMilliseconds(ref int taken, bool known)
    {
        taken++;
        long start = Stopwatch.GetTimestamp();
        while (!known && Stopwatch.GetElapsedTime(start) < TimeSpan.FromMilliseconds(2))
        {
            // Busy.
        }
    }

    private static async Task Eventually(Func<bool> condition)
    {
        using var cancel = new CancellationTokenSource(Patience);
        while (!condition())
        {
            await Task.Delay(2, cancel.Token);
        }
    }

    /// <summary>Returns the delays of timers that run one after another on an idle loop.</summary>
    private static async Task<TimeSpan[]> Measure(EpollEventLoop loop)
    {
        var took = new List<TimeSpan>();
        var done = new System.Threading.Tasks.TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Next()
        {
            long start = Stopwatch.GetTimestamp();
            loop.Schedule(() =>
            {
                took.Add(Stopwatch.GetElapsedTime(start));
                if (took.Count == Tries)
                {
                    done.SetResult();
                }
                else
                {
                    Next();
                }
            }, Delay);
        }

        loop.Execute(Next);
        await done.Task.WaitAsync(Patience);
        TestContext.Out.WriteLine(
            $"median {took.Order().ElementAt(Tries / 2).TotalMicroseconds:0} µs, best {took.Min().TotalMicroseconds:0} µs");
        return [.. took];
    }
}
