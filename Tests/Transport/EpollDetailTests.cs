using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport;

/// <summary>Promises of the epoll transport alone, numbered in Transport/README.md: no spin, no needless call, no leak.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public class EpollDetailTests : TransportContract<EpollTransport>
{
    [Test]
    public async Task Loop_at_rest_does_not_wake_up()
    {
        (IChannel channel, _, _) = await Accepted();
        Assert.That(await WakeUpsWhileIdle(channel), Is.LessThan(20));
    }

    [Test]
    public async Task FIN_on_a_half_closed_channel_does_not_spin()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            b => b.ChildOption(ChannelOption.AllowHalfClosure, true));
        peer.Shutdown(SocketShutdown.Send);
        await handler.UserEvent.WaitAsync(Cancel);

        Assert.That(await WakeUpsWhileIdle(channel), Is.LessThan(20));
        Assert.That(((EpollSocketChannel)channel).Watched, Is.Zero);
    }

    [Test]
    public async Task Reset_of_a_paused_channel_does_not_spin_and_comes_with_the_next_read()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(10, Cancel);
        await OnLoop(channel, () => 0); // its read is complete
        channel.Configuration.AutoRead = false;
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == 10);
        Reset(peer);

        Assert.That(await WakeUpsWhileIdle(channel), Is.LessThan(20));
        Assert.That(handler.Inactive.IsCompleted, Is.False, "its input is unread");

        channel.Configuration.AutoRead = true;
        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Received, Has.Length.EqualTo(20));
    }

    [Test]
    public async Task Input_that_came_before_a_write_error_is_read_before_the_close()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        byte[] sent = Pattern(50_000);
        await peer.SendAsync(sent, SocketFlags.None, Cancel);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == sent.Length);
        Reset(peer);

        Exception failure = await Failure(channel.WriteAndFlushAsync(Buffer(Pattern(10))));
        Assert.That(failure, Is.InstanceOf<ClosedChannelException>());
        Exception second = await Failure(channel.WriteAndFlushAsync(Buffer(Pattern(10))));
        Assert.That(second, Is.SameAs(failure), "what is written afterwards fails with the same cause");
        Assert.That(channel.Open, Is.True, "there is input to be read");

        channel.Configuration.AutoRead = true;
        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Received, Is.EqualTo(sent));
    }

    [Test]
    public async Task Write_error_inside_a_read_delivers_the_remaining_input_first()
    {
        byte[] sent = Pattern(60_000);
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            b => b.ChildOption(ChannelOption.AutoRead, false),
            h => h.OnRead = (c, _) => c.WriteAndFlushAsync(Buffer(new byte[10])));
        await peer.SendAsync(sent, SocketFlags.None, Cancel);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == sent.Length);
        Reset(peer);

        channel.Configuration.AutoRead = true;
        await handler.Inactive.WaitAsync(Cancel);

        Assert.That(handler.Received, Is.EqualTo(sent));
    }

    [Test]
    public async Task Unread_input_of_a_paused_channel_does_not_spin()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(10, Cancel);
        await OnLoop(channel, () => 0); // its read is complete
        channel.Configuration.AutoRead = false;
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);

        Assert.That(await WakeUpsWhileIdle(channel), Is.LessThan(20));
        Assert.That(((EpollSocketChannel)channel).AvailableBytes, Is.EqualTo(10));
    }

    [Test]
    public async Task Steady_reads_and_writes_never_call_epoll_ctl()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            prepare: h => h.OnRead = (c, b) => c.WriteAndFlushAsync(b.RetainedDuplicate()));
        await Echo(peer, 10);
        long before = await ControlCalls(channel);
        long rented = await Rented(channel);

        for (int i = 0; i < 200; i++)
        {
            await Echo(peer, 100);
        }

        Assert.That(await ControlCalls(channel), Is.EqualTo(before));
        Assert.That(await Rented(channel) - rented, Is.EqualTo(200), "one recv per wake-up, none for EAGAIN");
        Assert.That(handler.Events.Count(e => e == "read"), Is.EqualTo(201), "one read per packet");
    }

    [Test]
    public async Task AutoRead_turned_off_holds_for_an_event_that_already_waits()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(10, Cancel);
        using var hold = new ManualResetEventSlim();
        await Hold(channel.EventLoop, hold);
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);

        channel.Configuration.AutoRead = false;
        hold.Set();

        await WakeUpsWhileIdle(channel);
        Assert.That(handler.Received, Has.Length.EqualTo(10));
    }

    [Test]
    public async Task Flush_while_the_kernel_is_full_makes_no_system_call()
    {
        (IChannel channel, _, Socket peer) = await Accepted();
        Task first = channel.WriteAndFlushAsync(Buffer(Pattern(8_000_000)));
        long Calls() => ((EpollEventLoop)channel.EventLoop).Writer.Calls;
        await WakeUpsWhileIdle(channel);
        long before = await OnLoop(channel, Calls);

        Task[] more = await OnLoop(
            channel, () => Enumerable.Range(0, 100).Select(_ => channel.WriteAndFlushAsync(Buffer(new byte[10]))).ToArray());

        Assert.That(await OnLoop(channel, Calls), Is.EqualTo(before));
        await ReceiveExactly(peer, 8_001_000);
        await Task.WhenAll([first, .. more]).WaitAsync(Cancel);
    }

    [Test]
    public async Task Signal_during_a_wait_interrupts_it_and_changes_nothing()
    {
        var loop = (EpollEventLoop)Group.Items.First();
        using PosixSignalRegistration handled = PosixSignalRegistration.Create(PosixSignal.SIGWINCH, static c => c.Cancel = true);
        Task timer = loop.ScheduleAsync(() => { }, TimeSpan.FromSeconds(1));
        await Eventually(() => loop.ThreadId != 0);

        const int SIGWINCH = 28;
        for (int i = 0; i < 10; i++)
        {
            long before = loop.WakeUps;
            await Eventually(() => ThreadKill(Environment.ProcessId, loop.ThreadId, SIGWINCH) == 0 && loop.WakeUps > before);
        }

        await timer.WaitAsync(Cancel);
        Assert.That(await loop.SubmitAsync(() => 1).WaitAsync(Cancel), Is.EqualTo(1));
    }

    [Test]
    public async Task Burst_of_connections_is_accepted_in_batches()
    {
        var counter = new BatchCounter();
        IChannel listener = await Listen(_ => { }, b => b.Handler(counter));
        using var hold = new ManualResetEventSlim();
        await Hold(listener.EventLoop, hold);
        for (int i = 0; i < 150; i++)
        {
            await Peer(listener);
        }

        hold.Set();
        await Eventually(() => counter.Total == 150);

        Assert.That(counter.Largest, Is.EqualTo(64));
    }

    [Test]
    public async Task Connection_for_a_loop_that_has_ended_is_closed()
    {
        MultithreadEventLoopGroup ended = Transport.NewGroup(1);
        IChannel listener = await new DotNetty.Transport.Bootstrapping.ServerBootstrap().Group(Group, ended)
            .ChannelFactory(() => new EpollServerSocketChannel()).ChildHandler(new ActionChannelInitializer<IChannel>(_ => { }))
            .BindAsync(new IPEndPoint(IPAddress.Loopback, 0)).WaitAsync(Cancel);
        await ended.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Cancel);

        Socket peer = await Peer(listener);

        Assert.That(await ReceiveAll(peer), Is.Empty);
        Assert.That(listener.Active, Is.True);
    }

    [Test]
    public void No_system_call_suppresses_the_transition_to_the_collector()
    {
        IEnumerable<MethodInfo> calls = typeof(EpollEventLoop).Assembly.GetType("DotNettyFraming.Transport.Native.LibC")!
            .GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic);

        Assert.That(calls.Count(), Is.GreaterThan(20));
        Assert.That(calls.Where(m => m.GetCustomAttribute<SuppressGCTransitionAttribute>() is not null), Is.Empty);
    }

    [Test]
    public async Task Steady_reads_do_not_allocate()
    {
        long allocated = -1;
        long start = 0;
        int reads = 0;
        var silent = new SilentHandler(() =>
        {
            if (++reads == 200)
            {
                start = GC.GetAllocatedBytesForCurrentThread();
            }
            else if (reads == 1200)
            {
                allocated = GC.GetAllocatedBytesForCurrentThread() - start;
            }
        });
        IChannel listener = await Listen(c => c.Pipeline.AddLast(silent));
        Socket peer = await Peer(listener);

        while (Volatile.Read(ref reads) < 1200)
        {
            int seen = Volatile.Read(ref reads);
            await peer.SendAsync(Pattern(1), SocketFlags.None, Cancel);
            await Eventually(() => Volatile.Read(ref reads) > seen);
        }

        Assert.That(allocated / 1000.0, Is.LessThan(1.0), "bytes per read");
    }

    [Test]
    public async Task Set_allocator_of_receive_buffers_decides_the_reads_per_wake_up()
    {
        var allocator = new AdaptiveRecvByteBufAllocator(64, 1024, 1024) { MaxMessagesPerRead = 3 };
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            b => b.ChildOption(ChannelOption.AutoRead, false).ChildOption(ChannelOption.RcvbufAllocator, allocator));
        await peer.SendAsync(Pattern(10_000), SocketFlags.None, Cancel);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == 10_000);

        channel.Configuration.AutoRead = true;

        Assert.That(await handler.ReceivedAtLeast(10_000, Cancel), Is.EqualTo(Pattern(10_000)));
        await Eventually(() => handler.Events.Last() == "complete");
        string[] turns = string.Join(' ', handler.Events).Split(" complete");
        Assert.That(turns[0], Is.EqualTo("active read read read"), "three reads of 1024 bytes per wake-up");
        Assert.That(await Rented(channel), Is.Zero, "the loop's buffer is not used");
    }

    [Test]
    public async Task Allocator_of_receive_buffers_is_not_taken_by_a_listener()
    {
        IChannel listener = await Listen(_ => { });
        var allocator = new AdaptiveRecvByteBufAllocator();

        Assert.That(listener.Configuration.SetOption(ChannelOption.RcvbufAllocator, allocator), Is.False);
        Assert.That(listener.Configuration.GetOption(ChannelOption.RcvbufAllocator), Is.Not.SameAs(allocator));
    }

    [Test]
    public async Task Integer_options_reach_the_kernel_at_both_ends()
    {
        (IChannel channel, _, _) = await Accepted(b => b
            .Option(IntegerSocketOption.TcpKeepCount, 4)
            .ChildOption(IntegerSocketOption.TcpKeepIdle, 77)
            .ChildOption(IntegerSocketOption.TcpUserTimeout, 30_000)
            .ChildOption(IntegerSocketOption.Of(level: 1, name: 46), 50)); // SO_BUSY_POLL

        IChannelConfiguration options = channel.Configuration;
        Assert.That(options.GetOption(IntegerSocketOption.TcpKeepIdle), Is.EqualTo(77));
        Assert.That(options.GetOption(IntegerSocketOption.TcpUserTimeout), Is.EqualTo(30_000));
        Assert.That(channel.Parent.Configuration.GetOption(IntegerSocketOption.TcpKeepCount), Is.EqualTo(4));
        Assert.That(IntegerSocketOption.Of(6, 4), Is.SameAs(IntegerSocketOption.TcpKeepIdle));
        Assert.That(() => options.GetOption(IntegerSocketOption.Of(6, 9999)), Throws.InstanceOf<ChannelException>());
    }

    [Test]
    public async Task Steady_writes_allocate_their_promise_only()
    {
        IByteBuffer message = Unpooled.WrappedBuffer(Pattern(32));
        (IChannel channel, _, Socket peer) = await Accepted();
        long Write(int count)
        {
            long start = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < count; i++)
            {
                message.SetReaderIndex(0);
                message.Retain();
                _ = channel.WriteAndFlushAsync(message);
            }

            return GC.GetAllocatedBytesForCurrentThread() - start;
        }

        await OnLoop(channel, () => Write(100));
        long allocated = await OnLoop(channel, () => Write(1000));

        await ReceiveExactly(peer, 1100 * 32);
        Assert.That(allocated / 1000.0, Is.LessThanOrEqualTo(97), "96 bytes: a task completion source and its task");
        message.Release();
    }

    [Test]
    public async Task WriteAndForget_allocates_nothing_and_goes_through_the_pipeline()
    {
        byte[] payload = Pattern(32);
        IByteBuffer message = Unpooled.WrappedBuffer(payload);
        (IChannel channel, _, Socket peer) = await Accepted();
        var epoll = (EpollSocketChannel)channel;
        long Write(int count)
        {
            long start = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < count; i++)
            {
                message.SetReaderIndex(0);
                message.Retain();
                epoll.WriteAndForget(message);
                channel.Flush();
            }

            return GC.GetAllocatedBytesForCurrentThread() - start;
        }

        await OnLoop(channel, () => Write(100));
        long allocated = await OnLoop(channel, () => Write(1000));

        Assert.That(await ReceiveExactly(peer, 1100 * 32), Is.EqualTo(Enumerable.Repeat(payload, 1100).SelectMany(b => b)));
        Assert.That(allocated, Is.LessThan(1000), "bytes for 1000 writes");
        await channel.CloseAsync().WaitAsync(Cancel);
        epoll.WriteAndForget(message);
        await OnLoop(channel, () => 0);
        Assert.That(message.ReferenceCount, Is.Zero, "released without a report");
    }

    [Test]
    public async Task Flooding_connection_leaves_the_others_their_turn()
    {
        (_, RecordingHandler flooded, Socket flooder) = await Accepted();
        IChannel listener = (await flooded.Active.WaitAsync(Cancel)).Channel.Parent;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        Task flood = Task.Run(async () =>
        {
            byte[] chunk = new byte[256 * 1024];
            try
            {
                while (true)
                {
                    await flooder.SendAsync(chunk, SocketFlags.None, stop.Token);
                }
            }
            catch (OperationCanceledException)
            {
                // The test is over.
            }
        }, Cancel);

        var echo = new RecordingHandler { OnRead = (c, b) => c.WriteAndFlushAsync(b.RetainedDuplicate()) };
        IChannel other = await Listen(c => c.Pipeline.AddLast(echo));
        Socket small = await Peer(other);
        for (int i = 0; i < 50; i++)
        {
            await Echo(small, 10);
        }

        await stop.CancelAsync();
        await flood;
        Assert.That(listener.Open, Is.True);
    }

    [Test]
    public async Task Accepted_channel_that_no_handler_registers_is_closed()
    {
        // A handler that is not sharable: adding it to the second channel throws inside DotNetty's acceptor.
        var bootstrap = new DotNetty.Transport.Bootstrapping.ServerBootstrap().Group(Group)
            .ChildHandler(new RecordingHandler()).ChannelFactory(() => new EpollServerSocketChannel());
        IChannel listener = await bootstrap.BindAsync(new IPEndPoint(IPAddress.Loopback, 0)).WaitAsync(Cancel);
        await Peer(listener);

        Socket second = await Peer(listener);

        // An end or a reset: the channel is closed, not merely forgotten.
        int received;
        try
        {
            received = await second.ReceiveAsync(new byte[1], SocketFlags.None, Cancel);
        }
        catch (SocketException)
        {
            received = 0;
        }

        Assert.That(received, Is.Zero);
    }

    [Test]
    public async Task Failed_bind_closes_the_channel()
    {
        Socket other = RawListener();
        EpollServerSocketChannel? made = null;
        var bootstrap = new DotNetty.Transport.Bootstrapping.ServerBootstrap().Group(Group)
            .ChildHandler(new RecordingHandler()).ChannelFactory(() => made = new EpollServerSocketChannel());

        await Failure(bootstrap.BindAsync(other.LocalEndPoint!));

        await made!.CloseCompletion.WaitAsync(Cancel);
        Assert.That(made.Open, Is.False);
    }

    [TestCase(null)]
    [TestCase(AddressFamily.InterNetwork)]
    public async Task Port_of_a_bound_outgoing_channel_is_picked_by_connect(AddressFamily? family)
    {
        Socket listener = RawListener();
        var channel = family is { } f ? new EpollSocketChannel(f) : new EpollSocketChannel();
        await Group.RegisterAsync(channel).WaitAsync(Cancel);

        await channel.BindAsync(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0)).WaitAsync(Cancel);
        var bound = (IPEndPoint)channel.LocalAddress;
        await channel.ConnectAsync(listener.LocalEndPoint).WaitAsync(Cancel);
        using Socket peer = await listener.AcceptAsync(Cancel);

        Assert.That((bound.Address.MapToIPv4(), bound.Port), Is.EqualTo((IPAddress.Parse("127.0.0.2"), 0)), "not picked yet");
        var remote = (IPEndPoint)peer.RemoteEndPoint!;
        Assert.That(remote.Address, Is.EqualTo(IPAddress.Parse("127.0.0.2")));
        Assert.That(((IPEndPoint)channel.LocalAddress).Port, Is.EqualTo(remote.Port));
    }

    [Test]
    public async Task Handler_that_releases_too_often_costs_only_the_buffer()
    {
        bool first = true;
        (_, RecordingHandler handler, Socket peer) = await Accepted(prepare: h => h.OnRead = (_, b) =>
        {
            if (first)
            {
                first = false;
                b.Unwrap().Release();
            }
        });

        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(10, Cancel);
        await peer.SendAsync(Pattern(20), SocketFlags.None, Cancel);

        Assert.That((await handler.ReceivedAtLeast(30, Cancel))[10..], Is.EqualTo(Pattern(20)));
    }

    [Test]
    public async Task Observers_see_processor_time_and_pending_tasks()
    {
        var loop = (EpollEventLoop)Group.Items.First();
        using var gate = new ManualResetEventSlim();
        loop.Execute(() => gate.Wait(Cancel));
        loop.Execute(() => SpinWait.SpinUntil(() => false, 30));
        await Eventually(() => loop.PendingTasks == 1);
        TimeSpan before = loop.CpuTime;
        gate.Set();
        await loop.SubmitAsync(() => 0).WaitAsync(Cancel);

        Assert.That(loop.PendingTasks, Is.Zero);
        Assert.That(loop.CpuTime, Is.GreaterThan(before));
        await Group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Cancel);
        Assert.That(loop.CpuTime, Is.GreaterThan(before), "and after its end");
    }

    [Test]
    public async Task Channel_closed_by_an_earlier_event_of_the_batch_gets_none()
    {
        // Both have input in one batch; the first closes the other.
        for (int i = 0; i < 20; i++)
        {
            var channels = new List<IChannel>();
            RecordingHandler NewHandler() => new() { OnRead = (c, _) => channels.First(o => o != c.Channel).CloseAsync() };
            var handlers = new Queue<RecordingHandler>([NewHandler(), NewHandler()]);
            RecordingHandler[] both = [.. handlers];
            using var hold = new ManualResetEventSlim();
            MultithreadEventLoopGroup one = Transport.NewGroup(1);
            IChannel listener = await new DotNetty.Transport.Bootstrapping.ServerBootstrap().Group(one)
                .ChannelFactory(() => new EpollServerSocketChannel())
                .ChildHandler(new ActionChannelInitializer<IChannel>(c => c.Pipeline.AddLast(handlers.Dequeue())))
                .BindAsync(new IPEndPoint(IPAddress.Loopback, 0)).WaitAsync(Cancel);
            Socket[] peers = [await Peer(listener), await Peer(listener)];
            foreach (RecordingHandler handler in both)
            {
                channels.Add((await handler.Active.WaitAsync(Cancel)).Channel);
            }

            await Hold(listener.EventLoop, hold);
            await peers[0].SendAsync(Pattern(1), SocketFlags.None, Cancel);
            await peers[1].SendAsync(Pattern(1), SocketFlags.None, Cancel);
            hold.Set();

            await Task.WhenAny(both.Select(h => h.Inactive)).WaitAsync(Cancel);
            await one.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(Cancel);
            Assert.That(both.Sum(h => h.Events.Count(e => e == "read")), Is.EqualTo(1));
        }
    }

    private async Task Echo(Socket peer, int count)
    {
        await peer.SendAsync(Pattern(count), SocketFlags.None, Cancel);
        await ReceiveExactly(peer, count);
    }

    /// <summary>Blocks the loop until the event is set; returns when it is blocked.</summary>
    private async Task Hold(IEventLoop loop, ManualResetEventSlim until)
    {
        var stands = new System.Threading.Tasks.TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Execute(() =>
        {
            stands.SetResult();
            until.Wait(Cancel);
        });
        await stands.Task.WaitAsync(Cancel);
    }

    private Task<long> ControlCalls(IChannel channel) => OnLoop(channel, () => ((EpollEventLoop)channel.EventLoop).Poller.ControlCalls);

    private Task<long> Rented(IChannel channel) => OnLoop(channel, () => ((EpollEventLoop)channel.EventLoop).ReceiveBuffer.Rented);

    [DllImport("libc", EntryPoint = "tgkill")]
    private static extern int ThreadKill(int process, int thread, int signal);

    /// <summary>The listener's handler that counts accepted channels per read-complete.</summary>
    private sealed class BatchCounter : ChannelHandlerAdapter
    {
        private int _batch;

        public int Largest { get; private set; }

        public int Total { get; private set; }

        public override void ChannelRead(IChannelHandlerContext context, object message)
        {
            Total++;
            Largest = Math.Max(Largest, ++_batch);
            base.ChannelRead(context, message);
        }

        public override void ChannelReadComplete(IChannelHandlerContext context)
        {
            _batch = 0;
            base.ChannelReadComplete(context);
        }
    }

    private sealed class SilentHandler(Action onRead) : ChannelHandlerAdapter
    {
        public override void ChannelRead(IChannelHandlerContext context, object message)
        {
            ((IByteBuffer)message).Release();
            onRead();
        }
    }
}
