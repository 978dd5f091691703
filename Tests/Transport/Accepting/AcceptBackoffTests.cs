using System.Diagnostics;
using System.Net.Sockets;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Transport;
using DotNettyFraming.Transport.Accepting;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Tests.Transport.Accepting;

[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public class AcceptBackoffTests : TransportContract<EpollTransport>
{
    [TestCase(0, 10)]
    [TestCase(3, 80)]
    [TestCase(6, 500)]
    [TestCase(20, 500)]
    public async Task Pause_grows_from_10_to_500_ms(int failuresBefore, int milliseconds)
    {
        var loop = (EpollEventLoop)Group.Items.First();
        var resumed = new TaskCompletionSource<TimeSpan>(TaskCreationOptions.RunContinuationsAsynchronously);
        await loop.SubmitAsync(() =>
        {
            long start = 0;
            var backoff = new AcceptBackoff(loop, () => resumed.SetResult(Stopwatch.GetElapsedTime(start)));
            for (int i = 0; i < failuresBefore; i++)
            {
                backoff.Pause(Errno.EMFILE);
                backoff.Cancel();
            }

            start = Stopwatch.GetTimestamp();
            backoff.Pause(Errno.EMFILE);
            return 0;
        }).WaitAsync(Cancel);

        TimeSpan pause = await resumed.Task.WaitAsync(Cancel);

        Assert.That(pause.TotalMilliseconds, Is.InRange(milliseconds, milliseconds + 400));
    }

    [Test]
    public async Task Listener_that_was_shut_down_from_outside_does_not_spin()
    {
        Socket raw = RawListener();
        using var descriptor = new DuplicatedDescriptor(raw);
        var listener = (EpollServerSocketChannel)await Listen(
            _ => { }, b => b.ChannelFactory(() => EpollServerSocketChannel.Adopt(descriptor.Give())));
        var loop = (EpollEventLoop)listener.EventLoop;

        raw.Shutdown(SocketShutdown.Both);
        await Eventually(() => listener.AcceptErrors.ContainsKey("EINVAL"));
        long before = loop.WakeUps;
        await loop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(200)).WaitAsync(Cancel);

        Assert.That(loop.WakeUps - before, Is.LessThan(30));
        Assert.That(listener.AcceptErrors["EINVAL"], Is.LessThan(100));
    }
}
