using System.Net;
using System.Net.Sockets;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Tests.Transport;

[TestFixture(typeof(EpollTransport))]
[TestFixture(typeof(EpollTransportWithPrivateBuffers), Category = "Slow")]
[TestFixture(typeof(SocketTransport))]
[TestFixture(typeof(UnixEpollTransport), Category = "Slow")]
[TestFixture(typeof(UnixSocketTransport), Category = "Slow")]
public class ClosingContract<T> : TransportContract<T>
    where T : ITransport, new()
{
    [Test]
    public async Task Close_from_several_threads_is_reported_once()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => channel.CloseAsync()))).WaitAsync(Cancel);

        await handler.Inactive.WaitAsync(Cancel);
        await channel.CloseCompletion.WaitAsync(Cancel);
        Assert.That(await ReceiveAll(peer), Is.Empty);
        Assert.That(handler.Events.Count(e => e == "inactive"), Is.EqualTo(1));
        Assert.That(channel.Open || channel.Active, Is.False);
    }

    [Test]
    public async Task Close_inside_a_read_delivers_nothing_more()
    {
        (_, RecordingHandler handler, Socket peer) = await Accepted(prepare: h => h.OnRead = (c, _) => c.CloseAsync());

        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);

        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Events.Count(e => e == "read"), Is.EqualTo(1));
    }

    [Test]
    public async Task Close_right_after_a_write_delivers_the_write()
    {
        (_, _, Socket peer) = await Accepted(prepare: h => h.OnActive = c =>
        {
            c.WriteAndFlushAsync(Buffer(Pattern(1000)));
            c.CloseAsync();
        });

        Assert.That(await ReceiveAll(peer), Is.EqualTo(Pattern(1000)));
    }

    [Test]
    public async Task Disconnect_closes()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted();

        await channel.DisconnectAsync().WaitAsync(Cancel);

        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(await ReceiveAll(peer), Is.Empty);
    }

    [Test]
    public async Task Closed_listener_refuses_and_keeps_its_connections()
    {
        var handler = new RecordingHandler();
        IChannel listener = await Listen(c => c.Pipeline.AddLast(handler));
        EndPoint at = Target(listener.LocalAddress);
        Socket peer = await Peer(listener);
        await handler.Active.WaitAsync(Cancel);

        await listener.CloseAsync().WaitAsync(Cancel);

        using Socket late = Transport.NewSocket();
        Assert.That(async () => await late.ConnectAsync(at, Cancel), Throws.InstanceOf<SocketException>());
        await peer.SendAsync(Pattern(5), SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(5, Cancel);
    }

    [Test]
    public async Task Attributes_and_options_stay_readable_by_other_threads_while_closing()
    {
        Needs(Capability.IpAddresses);
        var key = AttributeKey<string>.ValueOf("closing-contract");
        (IChannel channel, _, _) = await Accepted(b => b.ChildAttribute(key, "kept"));
        Assert.That(channel.GetAttribute(key).Get(), Is.EqualTo("kept"));

        await channel.CloseAsync().WaitAsync(Cancel);

        Assert.That(channel.GetAttribute(key).Get(), Is.EqualTo("kept"));
        Assert.That(() => channel.Configuration.GetOption(ChannelOption.TcpNodelay), Throws.InstanceOf<ChannelException>());
        Assert.That(channel.RemoteAddress, Is.Not.Null);
    }

    [Test]
    public async Task Loops_that_end_close_their_channels()
    {
        Needs(Capability.ClosesChannelsAtShutdown);
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));

        // Closed before the quiet period is over.
        Task ended = Group.ShutdownGracefullyAsync(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(5));
        await handler.Inactive.WaitAsync(Cancel);
        await channel.CloseCompletion.WaitAsync(Cancel);
        Assert.That(await ReceiveAll(peer), Is.Empty);
        Assert.That(ended.IsCompleted, Is.False);
        await ended.WaitAsync(Cancel);
    }
}
