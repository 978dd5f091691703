using System.Net;
using System.Net.Sockets;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport;

/// <summary>Channels that move to another event loop, or are registered again.</summary>
public class MovingTests : TransportContract<EpollTransport>
{
    [Test]
    public async Task Channel_moves_to_another_loop()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();
        IEventLoop other = Other(channel);

        await Move(channel, other);
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);

        await handler.ReceivedAtLeast(10, Cancel);
        Assert.That(channel.EventLoop, Is.SameAs(other));
    }

    [Test]
    public async Task Write_that_waits_for_the_kernel_goes_on_after_a_move()
    {
        (IChannel channel, _, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        byte[] sent = Pattern(8_000_000);
        Task write = channel.WriteAndFlushAsync(Buffer(sent));
        await OnLoop(channel, () => 0);

        await Move(channel, Other(channel));

        Assert.That(await ReceiveExactly(peer, 8_000_000), Is.EqualTo(sent));
        await write.WaitAsync(Cancel);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Pending_read_survives_a_registration(bool same)
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        channel.Read();
        await OnLoop(channel, () => 0);

        await Move(channel, same ? channel.EventLoop : Other(channel));
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);

        Assert.That(await handler.ReceivedAtLeast(10, Cancel), Is.EqualTo(Pattern(10)));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Pending_accept_survives_a_registration(bool same)
    {
        var handler = new RecordingHandler();
        IChannel listener = await Listen(c => c.Pipeline.AddLast(handler), b => b.Option(ChannelOption.AutoRead, false));
        listener.Read();
        await OnLoop(listener, () => 0);

        await Move(listener, same ? listener.EventLoop : Other(listener));
        await Peer(listener);

        await handler.Active.WaitAsync(Cancel);
    }

    [Test]
    public async Task Connect_under_way_completes_on_the_new_loop()
    {
        Socket listener = RawListener();
        var handler = new RecordingHandler { OnActive = c => Assert.That(c.Channel.EventLoop.InEventLoop, Is.True) };
        var channel = new EpollSocketChannel();
        channel.Pipeline.AddLast(handler);
        await Group.RegisterAsync(channel).WaitAsync(Cancel);

        // Both in one turn, so that the loop does not see the end of the handshake in between.
        (Task connect, Task left) = await OnLoop(
            channel, () => (channel.ConnectAsync(listener.LocalEndPoint), channel.DeregisterAsync()));
        await left.WaitAsync(Cancel);
        await Other(channel).RegisterAsync(channel).WaitAsync(Cancel);

        await connect.WaitAsync(Cancel);
        Assert.That(handler.Active.IsCompleted, Is.True);
    }

    [Test]
    public async Task Connect_timeout_goes_on_on_the_new_loop()
    {
        EndPoint silent = await SilentListener();
        var channel = new EpollSocketChannel();
        channel.Configuration.ConnectTimeout = TimeSpan.FromMilliseconds(200);
        bool onItsLoop = false;
        await Group.RegisterAsync(channel).WaitAsync(Cancel);
        Task connect = await OnLoop(channel, () => channel.ConnectAsync(silent));
        IEventLoop other = Other(channel);
        _ = connect.ContinueWith(_ => onItsLoop = other.InEventLoop, TaskContinuationOptions.ExecuteSynchronously);

        await Move(channel, other);

        Assert.That(await Failure(connect), Is.InstanceOf<ConnectTimeoutException>());
        await other.SubmitAsync(() => 0).WaitAsync(Cancel);
        Assert.That(onItsLoop, Is.True);
    }

    private IEventLoop Other(IChannel channel) => Group.Items.First(loop => loop != channel.EventLoop);

    private async Task Move(IChannel channel, IEventLoop loop)
    {
        await channel.DeregisterAsync().WaitAsync(Cancel);
        await loop.RegisterAsync(channel).WaitAsync(Cancel);
    }
}
