using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport.Accepting;

/// <summary>The listener of a process that has used up its descriptors, but for those that accept leaves to the runtime.</summary>
/// <remarks>The test lowers the limit of this process, so it runs alone, and runs the path once before it lowers the limit.</remarks>
[NonParallelizable]
public class DescriptorLimitTests : TransportContract<EpollTransport>
{
    private const int RLIMIT_NOFILE = 7;

    [Test]
    public async Task Listener_pauses_without_spin_and_accepts_again_when_a_descriptor_is_free()
    {
        (IChannel healthy, _, _) = await Accepted();
        var accepted = new ConcurrentQueue<IChannel>();
        var listener = (EpollServerSocketChannel)await Listen(accepted.Enqueue);
        var loop = (EpollEventLoop)listener.EventLoop;

        // Their descriptors exist before the limit is lowered; connecting needs none.
        Socket[] late = [.. Enumerable.Range(0, 3).Select(_ => NewSocket())];
        Assert.That(GetLimit(RLIMIT_NOFILE, out ResourceLimit before), Is.Zero);
        long wakeUps;
        try
        {
            LeaveEight(before);
            foreach (Socket socket in late)
            {
                await socket.ConnectAsync(IPAddress.Loopback, ((IPEndPoint)listener.LocalAddress).Port, Cancel);
            }

            await Eventually(() => listener.AcceptErrors.ContainsKey("EMFILE"));
            long start = loop.WakeUps;
            await loop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(200)).WaitAsync(Cancel);
            wakeUps = loop.WakeUps - start;
            Assert.That(accepted, Is.Empty);

            // After the sixth failure the next try is 320 ms away. An own close frees one descriptor, and the listener uses it
            // immediately.
            await Eventually(() => listener.AcceptErrors["EMFILE"] >= 6);
            var sinceClose = Stopwatch.StartNew();
            await healthy.CloseAsync().WaitAsync(Cancel);
            await Eventually(() => !accepted.IsEmpty);
            Assert.That(sinceClose.ElapsedMilliseconds, Is.LessThan(200));
        }
        finally
        {
            _ = SetLimit(RLIMIT_NOFILE, in before);
        }

        // A raised limit is noticed by the timer, within 500 ms.
        var watch = Stopwatch.StartNew();
        await Eventually(() => accepted.Count == 3);
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(1)));
        Assert.That(wakeUps, Is.LessThan(30), "10, 20, 40 ms ...");
    }

    private Socket NewSocket() => DisposeLater(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));

    /// <summary>Lowers the limit and uses up all descriptors but 8. With none, a thread that starts would end the process.</summary>
    private void LeaveEight(ResourceLimit before)
    {
        ulong last = Directory.GetFileSystemEntries("/proc/self/fd")
            .Select(f => ulong.Parse(Path.GetFileName(f), CultureInfo.InvariantCulture)).Max();
        ulong used;
        do
        {
            used = (ulong)NewSocket().Handle;
        }
        while (used < last);

        var lowered = new ResourceLimit { Soft = used + 9, Hard = before.Hard };
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
