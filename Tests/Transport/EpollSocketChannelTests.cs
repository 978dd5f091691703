using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;
using DotNettyFraming.Transport.EventLoops;

namespace DotNettyFraming.Tests.Transport;

/// <summary>Writes from completions, writes before a connect completes, and a channel before and after its life.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public class EpollSocketChannelTests : TransportContract<EpollTransport>
{
    [TestCase(false, TestName = "Write_from_a_completed_write_sends_its_own_bytes_only")]
    [TestCase(true, TestName = "Write_from_a_completed_write_flushed_later_sends_its_own_bytes_only")]
    public async Task Write_from_a_completed_write(bool flushedLater)
    {
        (IChannel first, Socket firstPeer, IChannel second, Socket secondPeer) = await TwoOnOneLoop();
        async Task Relay()
        {
            Task write = flushedLater ? first.WriteAsync(Buffer(Pattern(1_000_000))) : first.WriteAndFlushAsync(Buffer(Pattern(1_000_000)));
            first.Flush();
            await write;
            await second.WriteAndFlushAsync(Buffer(Pattern(100)));
        }

        Task? relay = null;
        Task more = await OnLoop(first, () =>
        {
            relay = Relay();
            return first.WriteAndFlushAsync(Buffer(Pattern(2_000_000)));
        });
        byte[] toFirst = await ReceiveExactly(firstPeer, 3_000_000);
        await Task.WhenAll(relay!, more).WaitAsync(Cancel);
        await second.CloseAsync().WaitAsync(Cancel);

        Assert.That(await ReceiveAll(secondPeer), Is.EqualTo(Pattern(100)));
        Assert.That(toFirst, Is.EqualTo(Pattern(1_000_000).Concat(Pattern(2_000_000))));
    }

    [Test]
    public async Task Write_from_a_failed_write_sends_its_own_bytes_only()
    {
        (IChannel first, Socket firstPeer, IChannel second, Socket secondPeer) = await TwoOnOneLoop();
        first.Configuration.AutoRead = false;
        await firstPeer.SendAsync(Pattern(10), SocketFlags.None, Cancel); // unread, so the write gets the reset
        async Task Relay()
        {
            try
            {
                await first.WriteAndFlushAsync(Buffer(new byte[8_000_000]));
            }
            catch (ClosedChannelException)
            {
                await second.WriteAndFlushAsync(Buffer(Pattern(100)));
            }
        }

        Task? relay = null;
        await OnLoop(first, () =>
        {
            relay = Relay();
            return 0;
        });
        Reset(firstPeer);
        await relay!.WaitAsync(Cancel);
        await second.CloseAsync().WaitAsync(Cancel);

        Assert.That(await ReceiveAll(secondPeer), Is.EqualTo(Pattern(100)));
    }

    [Test]
    public async Task Message_that_fails_to_be_collected_leaves_nothing_behind()
    {
        (IChannel first, _, IChannel second, Socket secondPeer) = await TwoOnOneLoop();
        IByteBuffer dead = PooledByteBufferAllocator.Default.Buffer(10).WriteZero(10);
        Task failing = await OnLoop(first, () =>
        {
            Task pending = Task.WhenAll(first.WriteAsync(Buffer(new byte[50])), first.WriteAsync(dead));
            dead.Release();
            first.Flush();
            return pending;
        });
        await Failure(failing);

        await second.WriteAndFlushAsync(Buffer(Pattern(100))).WaitAsync(Cancel);
        await second.CloseAsync().WaitAsync(Cancel);

        Assert.That(await ReceiveAll(secondPeer), Is.EqualTo(Pattern(100)));
    }

    [Test]
    public async Task Write_flushed_while_connecting_is_sent_once_connected()
    {
        Socket listener = RawListener();
        EpollSocketChannel channel = await Registered(new RecordingHandler());

        Task[] all = await OnLoop(channel, () =>
            new[] { channel.ConnectAsync(listener.LocalEndPoint), channel.WriteAndFlushAsync(Buffer(Pattern(10))) });
        using Socket peer = await listener.AcceptAsync(Cancel);

        Assert.That(await ReceiveExactly(peer, 10), Is.EqualTo(Pattern(10)));
        await Task.WhenAll(all).WaitAsync(Cancel);
    }

    [Test]
    public async Task Write_flushed_while_connecting_fails_with_the_connect()
    {
        Socket unused = RawListener();
        EndPoint refusing = unused.LocalEndPoint!;
        unused.Close();
        EpollSocketChannel channel = await Registered(new RecordingHandler());

        Task[] all = await OnLoop(channel, () => new[] { channel.ConnectAsync(refusing), channel.WriteAndFlushAsync(Buffer(Pattern(10))) });

        Assert.That(await Failure(all[0]), Is.InstanceOf<ConnectException>());
        Assert.That(await Failure(all[1]), Is.InstanceOf<ClosedChannelException>());
    }

    [Test]
    public async Task Linger_that_would_block_the_loop_is_refused()
    {
        (IChannel channel, _, _) = await Accepted(b => b.ChildOption(ChannelOption.SoLinger, 3));

        Assert.That(channel.Configuration.GetOption(ChannelOption.SoLinger), Is.EqualTo(-1));
        Assert.That(() => channel.Configuration.SetOption(ChannelOption.SoLinger, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task Linger_of_an_adopted_listener_does_not_block_the_loop()
    {
        using var raw = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        raw.LingerState = new LingerOption(true, 3);
        raw.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        raw.Listen(1);
        var handler = new RecordingHandler();
        await new DotNetty.Transport.Bootstrapping.ServerBootstrap().Group(Group)
            .ChannelFactory(() => EpollServerSocketChannel.Adopt(Duplicate((int)raw.Handle)))
            .ChildHandler(handler).BindAsync(raw.LocalEndPoint!).WaitAsync(Cancel);
        Socket peer = DisposeLater(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        await peer.ConnectAsync(raw.LocalEndPoint!, Cancel);
        IChannel channel = (await handler.Active.WaitAsync(Cancel)).Channel;
        _ = channel.WriteAndFlushAsync(Buffer(new byte[8_000_000]));
        await OnLoop(channel, () => 0);

        long start = Stopwatch.GetTimestamp();
        await channel.CloseAsync().WaitAsync(Cancel);

        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(1)), "the peer reads nothing");
    }

    [Test]
    public async Task Local_address_is_null_until_there_is_one()
    {
        Socket listener = RawListener();
        EpollSocketChannel channel = await Registered(new RecordingHandler());
        var server = new EpollServerSocketChannel();

        Assert.That(new[] { channel.LocalAddress, channel.RemoteAddress, server.LocalAddress }, Is.All.Null);

        server.Unsafe.CloseForcibly();
        await channel.ConnectAsync(listener.LocalEndPoint).WaitAsync(Cancel);
        Assert.That(((IPEndPoint)channel.LocalAddress).Address.MapToIPv4(), Is.EqualTo(IPAddress.Loopback));
    }

    [Test]
    public async Task Output_of_a_closed_channel_is_shut_down()
    {
        (IChannel channel, _, _) = await Accepted();
        Assert.That(((EpollSocketChannel)channel).IsOutputShutdown, Is.False);

        await channel.CloseAsync().WaitAsync(Cancel);

        Assert.That(((EpollSocketChannel)channel).IsOutputShutdown, Is.True);
        Assert.That((await Failure(channel.WriteAndFlushAsync(Buffer(Pattern(1))))).Message, Does.Not.Contain("output"));
    }

    [Test]
    public async Task Unregistered_channel_fails_the_task_and_releases_the_message()
    {
        var channel = new EpollSocketChannel();
        IByteBuffer message = Buffer(Pattern(1));

        Task shutdown = channel.ShutdownOutputAsync();
        channel.WriteAndForget(message);

        Assert.That(await Failure(shutdown), Is.InstanceOf<InvalidOperationException>());
        Assert.That(message.ReferenceCount, Is.Zero);
        channel.Unsafe.CloseForcibly();
    }

    [Test]
    public void Receive_buffer_released_too_often_after_its_read_is_replaced()
    {
        var receive = new ReceiveBuffer(UnpooledByteBufferAllocator.Default, 64);
        IByteBuffer first = receive.Rent();
        receive.Lend(first, 10).Release();
        receive.Return(first);

        first.Release(); // too often
        IByteBuffer second = receive.Rent();

        Assert.That(second.ReferenceCount, Is.EqualTo(1));
        Assert.That(receive.Lend(second, 10).ReadableBytes, Is.EqualTo(10));
    }

    /// <summary>Returns two accepted channels of one loop with small send buffers, and their peers.</summary>
    private async Task<(IChannel First, Socket FirstPeer, IChannel Second, Socket SecondPeer)> TwoOnOneLoop()
    {
        RecordingHandler[] handlers = [new(), new(), new()];
        var next = new Queue<RecordingHandler>(handlers);
        IChannel listener = await Listen(c => c.Pipeline.AddLast(next.Dequeue()), b => b.ChildOption(ChannelOption.SoSndbuf, 256 * 1024));
        var peers = new List<Socket>();
        var channels = new List<IChannel>();
        foreach (RecordingHandler handler in handlers)
        {
            peers.Add(await Peer(listener));
            channels.Add((await handler.Active.WaitAsync(Cancel)).Channel);
        }

        Assert.That(channels[0].EventLoop, Is.SameAs(channels[2].EventLoop), "two loops take turns");
        return (channels[0], peers[0], channels[2], peers[2]);
    }

    private async Task<EpollSocketChannel> Registered(IChannelHandler handler)
    {
        var channel = new EpollSocketChannel();
        channel.Pipeline.AddLast(handler);
        await Group.RegisterAsync(channel).WaitAsync(Cancel);
        return channel;
    }

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "dup")]
    private static extern int Duplicate(int descriptor);
}
