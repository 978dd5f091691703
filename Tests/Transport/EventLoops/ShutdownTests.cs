using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport.EventLoops;

/// <summary>The end of an event loop with failing steps, timers and buffers of other threads.</summary>
public class ShutdownTests : TransportContract<EpollTransport>
{
    private EpollEventLoop Loop => (EpollEventLoop)Group.Items.First();

    [Test]
    public async Task Loop_ends_after_another_thread_released_its_buffer()
    {
        IByteBuffer buffer = await Loop.SubmitAsync(() => PooledByteBufferAllocator.Default.Buffer(256)).WaitAsync(Cancel);
        await Task.Run(() => buffer.Release(), Cancel);

        await Loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Cancel);
    }

    [Test]
    public async Task Failing_step_of_the_shutdown_does_not_stop_it()
    {
        IByteBuffer? receiveBuffer = null;
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            prepare: h => h.OnRead = (_, b) => receiveBuffer = b.Unwrap());
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(10, Cancel);
        await OnLoop(channel, () => receiveBuffer!.Release()); // too often, so that the loop's release throws
        var loop = (EpollEventLoop)channel.EventLoop;

        await loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Cancel);

        Assert.That(loop.TerminationCompletion.IsCompletedSuccessfully, Is.True);
    }

    [Test]
    public async Task Timeout_without_a_bound_ends_after_the_quiet_period()
    {
        await Loop.ShutdownGracefullyAsync(TimeSpan.FromMilliseconds(20), TimeSpan.MaxValue).WaitAsync(Cancel);
    }

    [Test]
    public async Task Timer_set_while_timers_are_cancelled_is_cancelled_too()
    {
        Task? second = null;
        Task first = Loop.ScheduleAsync(() => { }, TimeSpan.FromHours(1));
        Task set = first.ContinueWith(
            _ => second = Loop.ScheduleAsync(() => { }, TimeSpan.FromHours(1)),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);

        await Loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Cancel);
        await set.WaitAsync(Cancel);

        Assert.That(first.IsCanceled, Is.True);
        Assert.That(second!.IsCanceled, Is.True);
    }

    [Test]
    public async Task Timer_that_is_set_again_whenever_cancelled_ends_with_the_loop()
    {
        EpollEventLoop loop = Loop;
        async Task Forever()
        {
            while (true)
            {
                try
                {
                    await loop.ScheduleAsync(() => { }, TimeSpan.FromHours(1));
                }
                catch (OperationCanceledException)
                {
                    // Schedules the next.
                }
            }
        }

        Task forever = await loop.SubmitAsync(Forever).WaitAsync(Cancel);
        await loop.ShutdownGracefullyAsync(TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(1)).WaitAsync(Cancel);

        Assert.That(await Failure(forever), Is.InstanceOf<DotNetty.Common.Concurrency.RejectedExecutionException>());
    }

    [Test]
    public async Task Hundred_thousand_timers_are_cancelled_in_less_than_a_second()
    {
        EpollEventLoop loop = Loop;
        Task[] timers = await loop.SubmitAsync(
            () => Enumerable.Range(0, 100_000).Select(
                i => loop.ScheduleAsync(() => { }, TimeSpan.FromHours(1 + (i * 7919 % 1000)))).ToArray())
            .WaitAsync(Cancel);
        TimeSpan before = loop.CpuTime;

        await loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Cancel);

        Assert.That(timers.Count(t => t.IsCanceled), Is.EqualTo(100_000));
        Assert.That(loop.CpuTime - before, Is.LessThan(TimeSpan.FromSeconds(1)));
    }

    [Test]
    public async Task Pool_caches_of_an_ended_loop_are_released()
    {
        int before = Caches();
        var loop = new EpollEventLoop();
        await loop.SubmitAsync(() => PooledByteBufferAllocator.Default.Buffer(256).Release()).WaitAsync(Cancel);
        await Eventually(() => Caches() > before);

        await loop.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Cancel);

        await Eventually(() => Caches() <= before);
    }

    private static int Caches() => PooledByteBufferAllocator.Default.Metric.NumThreadLocalCaches();
}
