using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport.Accepting;

/// <summary>The listener of a process without free descriptors.</summary>
/// <remarks>The test lowers the limit of this process, so it runs alone, and runs the path once before it lowers the limit.</remarks>
[NonParallelizable]
public class DescriptorLimitTests : TransportContract<EpollTransport>
{
    private const int RLIMIT_NOFILE = 7;

    private readonly Stack<Socket> _fillers = [];

    [Test]
    public async Task Listener_pauses_without_spin_and_accepts_again_when_a_descriptor_is_free()
    {
        var handlers = new System.Collections.Concurrent.ConcurrentQueue<RecordingHandler>();
        var listener = (EpollServerSocketChannel)await new ServerBootstrap().Group(Group)
            .ChannelFactory(() => new EpollServerSocketChannel())
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

        // Their descriptors exist before the limit is lowered; connecting needs none.
        Socket[] late = [.. Enumerable.Range(0, 3).Select(_ => NewSocket())];
        Assert.That(GetLimit(RLIMIT_NOFILE, out ResourceLimit before), Is.Zero);
        long wakeUps;
        try
        {
            LowerTo(HighestDescriptor() + 65, before);
            foreach (Socket socket in late)
            {
                await socket.ConnectAsync(IPAddress.Loopback, ((IPEndPoint)listener.LocalAddress).Port, Cancel);
            }

            await Eventually(() => listener.AcceptErrors.ContainsKey("EMFILE"));
            FreeForRuntime(8);
            long start = loop.WakeUps;
            await loop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(200)).WaitAsync(Cancel);
            wakeUps = loop.WakeUps - start;
            Assert.That(handlers, Has.Count.EqualTo(1));

            // After the sixth failure the next try is 320 ms away. An own close frees one descriptor, and the listener uses it
            // immediately.
            await Eventually(() => listener.AcceptErrors["EMFILE"] >= 6);
            var sinceClose = Stopwatch.StartNew();
            await healthy.CloseAsync().WaitAsync(Cancel);
            await Eventually(() => handlers.Count >= 2);
            Assert.That(sinceClose.ElapsedMilliseconds, Is.LessThan(200));
        }
        finally
        {
            _ = SetLimit(RLIMIT_NOFILE, in before);
        }

        // A raised limit is noticed by the timer, within 500 ms.
        var watch = Stopwatch.StartNew();
        await Eventually(() => handlers.Count == 4);
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(1)));
        Assert.That(wakeUps, Is.LessThan(30), "10, 20, 40 ms ...");
    }

    private static ulong HighestDescriptor() =>
        Directory.GetFileSystemEntries("/proc/self/fd").Select(f => ulong.Parse(Path.GetFileName(f), CultureInfo.InvariantCulture)).Max();

    // The listener leaves all but one of them alone, and the runtime needs one to start a thread.
    private void FreeForRuntime(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _fillers.Pop().Dispose();
        }
    }

    private Socket NewSocket() => DisposeLater(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));

    /// <summary>Lowers the limit and uses up the descriptors below it.</summary>
    private void LowerTo(ulong limit, ResourceLimit before)
    {
        ulong highest;
        do
        {
            _fillers.Push(NewSocket());
            highest = (ulong)_fillers.Peek().Handle;
        }
        while (highest < limit - 1);

        var lowered = new ResourceLimit { Soft = highest + 1, Hard = before.Hard };
        Assert.That(SetLimit(RLIMIT_NOFILE, in lowered), Is.Zero);
    }

    [DllImport("libc", EntryPoint = "getrlimit")]
    private static extern int GetLimit(int resource, out ResourceLimit limit);

    [DllImport("libc", EntryPoint = "setrlimit")]
    private static extern int SetLimit(int resource, in ResourceLimit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
