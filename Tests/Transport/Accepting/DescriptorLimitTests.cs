using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport.Accepting;

/// <summary>
/// The listener when the process has no descriptor left. The limit of this very process is lowered for a moment, so
/// nothing may run beside it, and the path is walked once before the limit falls.
/// </summary>
[NonParallelizable]
public class DescriptorLimitTests : TransportContract<EpollTransport>
{
    private const int RLIMIT_NOFILE = 7;

    [Test]
    public async Task Listener_pauses_without_spin_and_accepts_again_when_a_descriptor_is_free()
    {
        var handlers = new System.Collections.Concurrent.ConcurrentQueue<RecordingHandler>();
        var listener = (EpollServerSocketChannel)await new ServerBootstrap().Group(Group).ChannelFactory(() => new EpollServerSocketChannel())
            .ChildHandler(new ActionChannelInitializer<IChannel>(c =>
            {
                var handler = new RecordingHandler();
                handlers.Enqueue(handler);
                c.Pipeline.AddLast(handler);
            }))
            .BindAsync(new IPEndPoint(IPAddress.Loopback, 0)).WaitAsync(Cancel);
        await Peer(listener);
        await Eventually(() => handlers.Count == 1);
        IChannel healthy = (await handlers.First().Active.WaitAsync(Cancel)).Channel;
        var loop = (EpollEventLoop)listener.EventLoop;

        // Their descriptors exist before the limit falls; connecting needs none.
        Socket[] late = [.. Enumerable.Range(0, 3).Select(_ => DisposeLater(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)))];
        Assert.That(GetLimit(RLIMIT_NOFILE, out ResourceLimit before), Is.Zero);
        long wakeUps;
        try
        {
            LowerTo(HighestDescriptor() + 65, before); // the last 64 of a limit are kept for the runtime
            foreach (Socket socket in late)
            {
                await socket.ConnectAsync(IPAddress.Loopback, ((IPEndPoint)listener.LocalAddress).Port, Cancel);
            }

            await Eventually(() => listener.AcceptErrors.ContainsKey("EMFILE"));
            long start = loop.WakeUps;
            await loop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(200)).WaitAsync(Cancel);
            wakeUps = loop.WakeUps - start;
            Assert.That(handlers, Has.Count.EqualTo(1));

            // After the sixth failure the next try by itself is 320 ms away. A close of our own gives one descriptor
            // back, and the listener takes it at once.
            await Eventually(() => listener.AcceptErrors["EMFILE"] >= 6);
            var sinceClose = Stopwatch.StartNew();
            await healthy.CloseAsync().WaitAsync(Cancel);
            await Eventually(() => handlers.Count == 2);
            Assert.That(sinceClose.ElapsedMilliseconds, Is.LessThan(200));
        }
        finally
        {
            _ = SetLimit(RLIMIT_NOFILE, in before);
        }

        // Raised by somebody else, the limit is noticed by the timer, which is 500 ms at most.
        var watch = Stopwatch.StartNew();
        await Eventually(() => handlers.Count == 4);
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(1)));
        Assert.That(wakeUps, Is.LessThan(30), "10, 20, 40 ms ... and not without end");
    }

    private static ulong HighestDescriptor() =>
        Directory.GetFileSystemEntries("/proc/self/fd").Select(f => ulong.Parse(Path.GetFileName(f), System.Globalization.CultureInfo.InvariantCulture)).Max();

    /// <summary>Also fills the holes below the highest number, for the kernel gives out the lowest free one.</summary>
    private void LowerTo(ulong limit, ResourceLimit before)
    {
        var fillers = new List<Socket>();
        ulong highest = limit - 1;
        while (true)
        {
            Socket filler = DisposeLater(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            fillers.Add(filler);
            if ((ulong)filler.Handle >= highest)
            {
                highest = (ulong)filler.Handle;
                break;
            }
        }

        var lowered = new ResourceLimit { Soft = highest + 1, Hard = before.Hard };
        Assert.That(SetLimit(RLIMIT_NOFILE, in lowered), Is.Zero);
    }

    /// <summary>getrlimit(2).</summary>
    [DllImport("libc", EntryPoint = "getrlimit")]
    private static extern int GetLimit(int resource, out ResourceLimit limit);

    /// <summary>setrlimit(2).</summary>
    [DllImport("libc", EntryPoint = "setrlimit")]
    private static extern int SetLimit(int resource, in ResourceLimit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
