using System.Diagnostics;
using DotNettyFraming.Transport;
using DotNettyFraming.Transport.EventLoops;

namespace DotNettyFraming.Tests.Transport.EventLoops;

/// <summary>Timers finer than a millisecond, and the waits below them.</summary>
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
        bool fine = loop.Poller.WaitsFinely;
        await loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Patience);

        Assert.That(took, Is.All.GreaterThanOrEqualTo(Delay));
        Assert.That(wakeUps, Is.LessThan(3 * Tries), "it waits and does not spin");
        if (!fine)
        {
            Assert.Ignore("epoll_pwait2 needs Linux 5.11 and glibc 2.35");
        }

        // Rounded up to a millisecond, not one of them could be below it. The best quarter: the machine may be busy.
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
            Assert.That(Stopwatch.GetElapsedTime(start), Is.GreaterThanOrEqualTo(TimeSpan.FromTicks(nanoseconds / TimeSpan.NanosecondsPerTick)));
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

    /// <summary>Sets a timer, and the next one when it fires, on a loop that does nothing else.</summary>
    private static async Task<TimeSpan[]> Measure(EpollEventLoop loop)
    {
        var took = new List<TimeSpan>();
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
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
        TestContext.Out.WriteLine($"median {took.Order().ElementAt(Tries / 2).TotalMicroseconds:0} µs, best {took.Min().TotalMicroseconds:0} µs");
        return [.. took];
    }
}
