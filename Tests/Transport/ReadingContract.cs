using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Tests.Transport;

[TestFixture(typeof(EpollTransport))]
[TestFixture(typeof(EpollTransportWithPrivateBuffers), Category = "Slow")]
[TestFixture(typeof(SocketTransport))]
[TestFixture(typeof(UnixEpollTransport), Category = "Slow")]
[TestFixture(typeof(UnixSocketTransport), Category = "Slow")]
public class ReadingContract<T> : TransportContract<T>
    where T : ITransport, new()
{
    [Test]
    public async Task Bytes_arrive_in_order_and_complete()
    {
        (_, RecordingHandler handler, Socket peer) = await Accepted();
        byte[] sent = Pattern(300_000);

        await peer.SendAsync(sent, SocketFlags.None, Cancel);

        Assert.That(await handler.ReceivedAtLeast(sent.Length, Cancel), Is.EqualTo(sent));
        Assert.That(handler.Events.First(), Is.EqualTo("active"));
    }

    [Test]
    public async Task Every_read_is_followed_by_read_complete()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();

        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(10, Cancel);
        await OnLoop(channel, () => 0);
        await Eventually(() => handler.Events.Contains("complete"));

        Assert.That(handler.Events, Is.EqualTo("active read complete".Split(' ')));
    }

    [Test]
    public async Task AutoRead_off_delivers_nothing_until_turned_on()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        byte[] sent = Pattern(1000);

        await peer.SendAsync(sent, SocketFlags.None, Cancel);
        await RoundTrips(channel);
        Assert.That(handler.Received, Is.Empty);

        channel.Configuration.AutoRead = true;
        Assert.That(await handler.ReceivedAtLeast(sent.Length, Cancel), Is.EqualTo(sent));
    }

    [Test]
    public async Task Read_with_AutoRead_off_delivers_once()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));

        channel.Read();
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(10, Cancel);
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await RoundTrips(channel);
        Assert.That(handler.Received, Has.Length.EqualTo(10));

        channel.Read();
        await handler.ReceivedAtLeast(20, Cancel);
    }

    [Test]
    public async Task AutoRead_turned_off_by_another_thread_stops_reading()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(10, Cancel);
        await OnLoop(channel, () => 0);

        channel.Configuration.AutoRead = false;
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        if (Transport is SocketTransport)
        {
            await handler.ReceivedAtLeast(20, Cancel); // the read in progress
        }

        await RoundTrips(channel);
        int whileOff = handler.Received.Length;
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await RoundTrips(channel);

        Assert.That(handler.Received, Has.Length.EqualTo(whileOff));
        channel.Configuration.AutoRead = true;
        await handler.ReceivedAtLeast(30, Cancel);
    }

    [Test]
    public async Task Kept_buffer_is_not_overwritten_by_the_next_read()
    {
        IByteBuffer? kept = null;
        (_, RecordingHandler handler, Socket peer) = await Accepted(prepare: h => h.OnRead = (_, b) => kept ??= (IByteBuffer)b.Retain());
        byte[] first = Pattern(64);

        await peer.SendAsync(first, SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(64, Cancel);
        await peer.SendAsync(new byte[64], SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(128, Cancel);

        byte[] afterwards = new byte[64];
        kept!.GetBytes(0, afterwards);
        Assert.That(afterwards, Is.EqualTo(first));
        Assert.That(kept.Release(), Is.True, "the last reference");
    }

    [Test]
    public async Task Peers_FIN_closes_the_channel()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();
        byte[] last = Pattern(100);

        await peer.SendAsync(last, SocketFlags.None, Cancel);
        peer.Shutdown(SocketShutdown.Send);

        await handler.Inactive.WaitAsync(Cancel);
        await channel.CloseCompletion.WaitAsync(Cancel);
        Assert.That(handler.Received, Is.EqualTo(last));
        Assert.That(channel.Open, Is.False);
        Assert.That(handler.Exception.IsCompleted, Is.False);
    }

    [Test]
    public async Task Peers_reset_is_a_ConnectionReset_and_closes()
    {
        Needs(Capability.Resets);
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();

        Reset(peer);

        var exception = await handler.Exception.WaitAsync(Cancel) as SocketException;
        Assert.That(exception?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(channel.Active, Is.False);
    }

    [Test]
    public async Task Bytes_before_a_reset_are_delivered_first()
    {
        Needs(Capability.ReadsBeforeReset);
        Needs(Capability.Resets);
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        byte[] sent = Pattern(60_000);

        for (int done = 0; done < sent.Length;)
        {
            done += await peer.SendAsync(sent.AsMemory(done), SocketFlags.None, Cancel);
        }

        await Eventually(() => Arrived(channel) >= sent.Length);
        Reset(peer);
        channel.Configuration.AutoRead = true;

        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Received, Is.EqualTo(sent));
        Assert.That(handler.Events.Last(e => e is not "inactive"), Is.EqualTo("exception"));
    }

    [Test]
    public async Task Exception_in_a_handler_affects_no_other_connection()
    {
        var throwing = new RecordingHandler { OnRead = (_, _) => throw new InvalidOperationException("on purpose") };
        var healthy = new RecordingHandler();
        var next = new Queue<RecordingHandler>([throwing, healthy]);
        IChannel listener = await Listen(c => c.Pipeline.AddLast(next.Dequeue()), b => b.ChildOption(ChannelOption.AutoRead, true));
        Socket first = await Peer(listener);
        await throwing.Active.WaitAsync(Cancel);
        Socket second = await Peer(listener);

        await first.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        Assert.That((await throwing.Exception.WaitAsync(Cancel)).Message, Does.Contain("on purpose"));
        await second.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await healthy.ReceivedAtLeast(10, Cancel);
    }

    [Test]
    public async Task Await_in_a_handler_returns_to_the_loop()
    {
        var back = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        async void OnRead(IChannelHandlerContext context, IByteBuffer _)
        {
            await Task.Yield();
            await Task.Run(() => { });
            back.TrySetResult(context.Channel.EventLoop.InEventLoop);
        }

        (_, _, Socket peer) = await Accepted(prepare: h => h.OnRead = OnRead);
        await peer.SendAsync(Pattern(1), SocketFlags.None, Cancel);

        Assert.That(await back.Task.WaitAsync(Cancel), Is.True);
    }

    private static int Arrived(IChannel channel) => ((DotNettyFraming.Transport.EpollSocketChannel)channel).AvailableBytes;

    /// <summary>Lets the loop poll its sockets a few times, so that bytes read wrongly have arrived.</summary>
    private async Task RoundTrips(IChannel channel)
    {
        for (int i = 0; i < 5; i++)
        {
            await channel.EventLoop.ScheduleAsync(() => { }, TimeSpan.FromMilliseconds(5)).WaitAsync(Cancel);
        }
    }
}
