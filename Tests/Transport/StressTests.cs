using System.Net;
using System.Net.Sockets;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport;

/// <summary>Leaks and races that only many connections show.</summary>
[Category("Slow")]
public class StressTests : TransportContract<EpollTransport>
{
    private int _accepted;
    private int _inactive;

    protected override TimeSpan Limit => TimeSpan.FromMinutes(3);

    [Test]
    public async Task Connects_and_closes_leave_no_descriptor_and_no_memory()
    {
        IChannel listener = await CountingListener();
        await ConnectAndClose(listener, 2_000, reset: false);
        int descriptors = Descriptors.Ours;
        long memory = GC.GetTotalMemory(forceFullCollection: true);

        await ConnectAndClose(listener, Scale.Of(gate: 20_000, full: 100_000), reset: false);

        Assert.That(Descriptors.Ours, Is.LessThanOrEqualTo(descriptors + 10));
        Assert.That(GC.GetTotalMemory(forceFullCollection: true), Is.LessThan(memory + (8 << 20)));
        Assert.That(Group.Items.Sum(l => l.SubmitAsync(() => ((EpollEventLoop)l).Channels.Count).Result), Is.EqualTo(1), "the listener");
    }

    [Test]
    public async Task Ten_thousand_FINs_followed_by_resets_are_cleaned_up()
    {
        IChannel listener = await CountingListener();
        await ConnectAndClose(listener, 500, reset: true);
        int descriptors = Descriptors.Ours;

        await ConnectAndClose(listener, 10_000, reset: true);

        Assert.That(Descriptors.Ours, Is.LessThanOrEqualTo(descriptors + 10));
    }

    [Test]
    public async Task Close_raced_with_writes_and_reads_completes_every_promise()
    {
        for (int round = 0; round < 200; round++)
        {
            (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();
            Task send = peer.SendAsync(Pattern(100_000), SocketFlags.None, Cancel).AsTask();
            Task[] writers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
            {
                while ((await Outcome(channel.WriteAndFlushAsync(Buffer(new byte[500])))) is null)
                {
                    // Writes until the close.
                }
            }))];
            Task close = Task.Run(() => round % 2 == 0 ? channel.CloseAsync() : Task.Run(() => Reset(peer)));

            await Task.WhenAll(writers).WaitAsync(Cancel);
            await close.WaitAsync(Cancel);
            await handler.Inactive.WaitAsync(Cancel);
            await channel.CloseCompletion.WaitAsync(Cancel);
            await Outcome(send);
            await channel.Parent.CloseAsync().WaitAsync(Cancel);
            peer.Dispose();
        }
    }

    [Test]
    public async Task Close_raced_with_connect_completes_the_connect_either_way()
    {
        Socket listener = RawListener(512);
        int descriptors = 0;
        for (int round = 0; round < 600; round++)
        {
            var made = new System.Threading.Tasks.TaskCompletionSource<IChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
            Task<IChannel> connect = Outgoing(new ActionChannelInitializer<IChannel>(c => made.TrySetResult(c)))
                .ConnectAsync(listener.LocalEndPoint!);
            IChannel channel = await made.Task.WaitAsync(Cancel);
            SpinWait.SpinUntil(() => false, TimeSpan.FromMicroseconds(round % 100));
            await channel.CloseAsync().WaitAsync(Cancel);
            await Outcome(connect);
            await channel.CloseCompletion.WaitAsync(Cancel);
            Assert.That(channel.Open, Is.False);
            descriptors = round == 100 ? Descriptors.Ours : descriptors;
            while (listener.Poll(0, SelectMode.SelectRead))
            {
                (await listener.AcceptAsync(Cancel)).Dispose();
            }
        }

        Assert.That(Descriptors.Ours, Is.LessThanOrEqualTo(descriptors + 10));
    }

    private static async Task<Exception?> Outcome(Task task)
    {
        try
        {
            await task.WaitAsync(TimeSpan.FromSeconds(20));
            return null;
        }
        catch (Exception e) when (e is not TimeoutException)
        {
            return e;
        }
    }

    private async Task<IChannel> CountingListener() => await new ServerBootstrap().Group(Group)
        .ChannelFactory(() => new EpollServerSocketChannel())
        .ChildHandler(new ActionChannelInitializer<IChannel>(c => c.Pipeline.AddLast(new CountingHandler(this))))
        .BindAsync(new IPEndPoint(IPAddress.Any, 0)).WaitAsync(Cancel);

    /// <summary>Makes connections with eight workers, from several loopback addresses, as TIME_WAIT uses up ports.</summary>
    private async Task ConnectAndClose(IChannel listener, int count, bool reset)
    {
        int port = ((IPEndPoint)listener.LocalAddress).Port;
        int before = _inactive;
        int made = _accepted;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < count / 8; i++)
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(new IPEndPoint(new IPAddress([127, 0, 1, (byte)(1 + worker)]), port), Cancel);
                if (Interlocked.Increment(ref made) % 100 == 0)
                {
                    // Otherwise the listener's queue overflows.
                    await Eventually(() => Volatile.Read(ref _accepted) > Volatile.Read(ref made) - 1000);
                }

                if (reset)
                {
                    await socket.SendAsync(new byte[3], SocketFlags.None, Cancel);
                    socket.Shutdown(SocketShutdown.Send);
                    socket.LingerState = new LingerOption(true, 0);
                }
            }
        }))).WaitAsync(Cancel);
        await Eventually(() => Volatile.Read(ref _inactive) >= before + (count / 8 * 8));
        Assert.That(_accepted, Is.EqualTo(_inactive));
    }

    private sealed class CountingHandler(StressTests test) : ChannelHandlerAdapter
    {
        public override void ChannelActive(IChannelHandlerContext context)
        {
            Interlocked.Increment(ref test._accepted);
            base.ChannelActive(context);
        }

        public override void ChannelInactive(IChannelHandlerContext context)
        {
            Interlocked.Increment(ref test._inactive);
            base.ChannelInactive(context);
        }

        public override void ExceptionCaught(IChannelHandlerContext context, Exception exception)
        {
            // The peers of this test reset.
        }
    }
}
