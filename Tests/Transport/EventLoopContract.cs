using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Tests.Transport;

[TestFixture(typeof(EpollTransport))]
[TestFixture(typeof(SocketTransport))]
public class EventLoopContract<T> : TransportContract<T>
    where T : ITransport, new()
{
    // A million tasks, on a machine that may be busy.
    protected override TimeSpan Limit => TimeSpan.FromMinutes(1);

    private IEventLoop Loop => Group.Items.First();

    [Test]
    public async Task Tasks_of_one_thread_run_in_order_on_the_loop()
    {
        IEventLoop loop = Loop;
        var order = new List<int>();
        for (int i = 0; i < 10_000; i++)
        {
            int number = i;
            loop.Execute(() => order.Add(loop.InEventLoop ? number : -1));
        }

        await loop.SubmitAsync(() => 0).WaitAsync(Cancel);
        Assert.That(order, Is.EqualTo(Enumerable.Range(0, 10_000)));
    }

    [Test]
    public async Task Task_that_throws_does_not_affect_the_next_one()
    {
        Loop.Execute(() => throw new InvalidOperationException("on purpose"));
        Task<int> failing = Loop.SubmitAsync<int>(() => throw new InvalidOperationException("on purpose"));

        Assert.That(await Failure(failing), Is.InstanceOf<InvalidOperationException>());
        Assert.That(await Loop.SubmitAsync(() => 7).WaitAsync(Cancel), Is.EqualTo(7));
    }

    [Test]
    public async Task Scheduled_tasks_run_in_order_of_their_time_and_not_before()
    {
        var order = new List<int>();
        long start = Environment.TickCount64;
        Task late = Loop.ScheduleAsync(() => order.Add(2), TimeSpan.FromMilliseconds(900));
        Task soon = Loop.ScheduleAsync(() => order.Add(1), TimeSpan.FromMilliseconds(300));
        Task now = Loop.ScheduleAsync(() => order.Add(0), TimeSpan.Zero);

        await Task.WhenAll(late, soon, now).WaitAsync(Cancel);

        Assert.That(order, Is.EqualTo(Enumerable.Range(0, 3)));
        Assert.That(Environment.TickCount64 - start, Is.GreaterThanOrEqualTo(895));
    }

    [Test]
    public async Task Cancelled_timer_does_not_run()
    {
        bool ran = false;
        using var hold = new ManualResetEventSlim();
        Loop.Execute(() => hold.Wait(Limit)); // no timer can run before it is cancelled
        IScheduledTask timer = Loop.Schedule(() => ran = true, TimeSpan.FromMilliseconds(30));
        using var cancel = new CancellationTokenSource();
        Task other = Loop.ScheduleAsync(() => ran = true, TimeSpan.FromMilliseconds(30), cancel.Token);

        Assert.That(timer.Cancel(), Is.True);
        await cancel.CancelAsync();
        hold.Set();
        await Loop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(60)).WaitAsync(Cancel);

        Assert.That(ran, Is.False);
        Assert.That(other.IsCanceled, Is.True);
    }

    [Test]
    public async Task Timer_runs_while_tasks_never_end()
    {
        IEventLoop loop = Loop;
        bool stop = false;
        void Again()
        {
            if (!Volatile.Read(ref stop))
            {
                loop.Execute(Again);
            }
        }

        loop.Execute(Again);
        await loop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(10)).WaitAsync(Cancel);
        Volatile.Write(ref stop, true);
    }

    [Test]
    public async Task Shutdown_runs_what_was_accepted_and_completes()
    {
        IEventLoop loop = Loop;
        int ran = 0;
        for (int i = 0; i < 1000; i++)
        {
            loop.Execute(() => ran++);
        }

        await Group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Cancel);

        Assert.That(ran, Is.EqualTo(1000));
        Assert.That(loop.IsTerminated && loop.IsShutdown && loop.IsShuttingDown, Is.True);
    }

    [Test]
    public async Task Terminated_loop_rejects_tasks_timers_and_channels()
    {
        Needs(Capability.RejectsAfterTermination);
        IEventLoop loop = Loop;
        await Group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Cancel);

        Assert.That(() => loop.Execute(() => { }), Throws.InstanceOf<RejectedExecutionException>());
        Assert.That(() => loop.Schedule(() => { }, TimeSpan.FromSeconds(1)), Throws.InstanceOf<RejectedExecutionException>());
        var channel = new DotNettyFraming.Transport.EpollSocketChannel();
        Assert.That(await Failure(loop.RegisterAsync(channel)), Is.InstanceOf<RejectedExecutionException>());
        Assert.That(channel.Open, Is.False, "its descriptor is closed");
    }

    [Test]
    public async Task Tasks_raced_with_shutdown_either_run_or_are_rejected()
    {
        Needs(Capability.RejectsAfterTermination);
        for (int round = 0; round < 20; round++)
        {
            MultithreadEventLoopGroup group = Transport.NewGroup(1);
            IEventLoop loop = group.Items.First();
            int accepted = 0;
            int ran = 0;
            Task[] producers = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
            {
                try
                {
                    while (true)
                    {
                        loop.Execute(() => Interlocked.Increment(ref ran));
                        Interlocked.Increment(ref accepted);
                    }
                }
                catch (RejectedExecutionException)
                {
                    // The end of the race.
                }
            }))];

            await group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromMilliseconds(50)).WaitAsync(Cancel);
            await Task.WhenAll(producers).WaitAsync(Cancel);
            Assert.That(ran, Is.EqualTo(accepted));
        }
    }

    [Test]
    public async Task A_million_tasks_from_several_threads_all_run()
    {
        IEventLoop loop = Loop;
        int ran = 0;
        var done = new System.Threading.Tasks.TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Count()
        {
            if (++ran == 1_000_000)
            {
                done.SetResult();
            }
        }

        Action count = Count;
        Task[] producers = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 250_000; i++)
            {
                loop.Execute(count);
            }
        }))];

        await Task.WhenAll(producers).WaitAsync(Cancel);
        await done.Task.WaitAsync(Cancel);
    }

    [Test]
    public async Task Task_for_a_sleeping_loop_always_runs()
    {
        // Each round trip ends with a loop that is about to sleep, where a lost wake-up would hang.
        for (int i = 0; i < 20_000; i++)
        {
            await Loop.SubmitAsync(() => 0).WaitAsync(Cancel);
        }
    }
}
