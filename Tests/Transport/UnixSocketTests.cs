using System.Net;
using System.Net.Sockets;
using DotNetty.Transport.Channels;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport;

/// <summary>Unix sockets on the epoll transport, beyond the contracts.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public class UnixSocketTests : TransportContract<UnixEpollTransport>
{
    [Test]
    public async Task Channels_know_their_paths_and_unnamed_peers_have_no_address()
    {
        var handler = new RecordingHandler();
        EndPoint path = Transport.NewAddress();
        IChannel listener = await Listen(c => c.Pipeline.AddLast(handler), at: path);
        IChannel outgoing = await Outgoing(new RecordingHandler()).ConnectAsync(path).WaitAsync(Cancel);
        IChannel accepted = (await handler.Active.WaitAsync(Cancel)).Channel;

        Assert.That(listener.LocalAddress, Is.EqualTo(path));
        Assert.That((accepted.LocalAddress, accepted.RemoteAddress), Is.EqualTo((path, (EndPoint?)null)));
        Assert.That((outgoing.LocalAddress, outgoing.RemoteAddress), Is.EqualTo(((EndPoint?)null, path)));
        await outgoing.CloseAsync().WaitAsync(Cancel);
        Assert.That(outgoing.RemoteAddress, Is.EqualTo(path), "kept after the close");
    }

    [Test]
    public async Task Abstract_name_is_listened_on_and_connected_to()
    {
        var name = new UnixDomainSocketEndPoint($"\0{Path.GetRandomFileName()}");
        var handler = new RecordingHandler();
        IChannel listener = await Listen(c => c.Pipeline.AddLast(handler), at: name);

        IChannel outgoing = await Outgoing(new RecordingHandler()).ConnectAsync(name).WaitAsync(Cancel);

        await handler.Active.WaitAsync(Cancel);
        Assert.That((listener.LocalAddress, outgoing.RemoteAddress), Is.EqualTo((name, name)));
    }

    [Test]
    public async Task File_is_deleted_with_its_listener_and_a_listener_in_use_is_an_error()
    {
        EndPoint path = Transport.NewAddress();
        IChannel listener = await Listen(_ => { }, at: path);

        Exception failure = await Failure(Listen(_ => { }, at: path));

        Assert.That((failure as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.AddressAlreadyInUse));
        Assert.That(File.Exists($"{path}"), Is.True, "the failed listener has not deleted it");
        await listener.CloseAsync().WaitAsync(Cancel);
        Assert.That(File.Exists($"{path}"), Is.False);
    }

    [Test]
    public async Task Adopted_listener_serves_and_leaves_its_file()
    {
        Socket raw = RawListener();
        var handler = new RecordingHandler { OnRead = (c, b) => c.WriteAndFlushAsync(b.RetainedDuplicate()) };
        using var descriptor = new DuplicatedDescriptor(raw);
        IChannel listener = await Listen(
            c => c.Pipeline.AddLast(handler), b => b.ChannelFactory(() => EpollServerSocketChannel.Adopt(descriptor.Give())));

        Socket peer = await Peer(listener);
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);

        Assert.That(await ReceiveExactly(peer, 10), Is.EqualTo(Pattern(10)));
        Assert.That(listener.LocalAddress, Is.EqualTo(raw.LocalEndPoint));
        await listener.CloseAsync().WaitAsync(Cancel);
        Assert.That(File.Exists($"{raw.LocalEndPoint}"), Is.True);
    }

    [Test]
    public async Task Peer_that_closes_with_unread_input_is_a_reset_behind_its_bytes()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await channel.WriteAndFlushAsync(Buffer(Pattern(5))).WaitAsync(Cancel);
        peer.Close();
        Assert.That(await WakeUpsWhileIdle(channel), Is.LessThan(20));
        Assert.That(channel.Open, Is.True, "10 bytes are unread");

        channel.Configuration.AutoRead = true;

        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Received, Is.EqualTo(Pattern(10)));
        Assert.That(handler.Events, Is.EqualTo("active read complete exception inactive".Split(' ')));
        Assert.That((await handler.Exception as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
    }

    [Test]
    public async Task Closed_peer_of_a_half_closed_channel_does_not_spin()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            b => b.ChildOption(ChannelOption.AllowHalfClosure, true));

        peer.Close();

        await handler.UserEvent.WaitAsync(Cancel);
        Assert.That(await WakeUpsWhileIdle(channel), Is.LessThan(20));
        Assert.That(await Failure(channel.WriteAndFlushAsync(Buffer(Pattern(1)))), Is.InstanceOf<ClosedChannelException>());
        await handler.Inactive.WaitAsync(Cancel);
    }

    [Test]
    public async Task Connect_to_a_full_queue_succeeds_when_there_is_room()
    {
        Socket listener = RawListener(backlog: 0);
        IChannel first = await Outgoing(new RecordingHandler()).ConnectAsync(listener.LocalEndPoint!).WaitAsync(Cancel);
        var made = new TaskCompletionSource<IChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<IChannel> second = Outgoing(new ActionChannelInitializer<IChannel>(c => made.SetResult(c)))
            .ConnectAsync(listener.LocalEndPoint!);
        await OnLoop(await made.Task.WaitAsync(Cancel), () => 0);
        Assert.That(second.IsCompleted, Is.False);

        using Socket accepted = await listener.AcceptAsync(Cancel);

        Assert.That((await second.WaitAsync(Cancel)).Active && first.Active, Is.True);
    }

    [Test]
    public async Task TCP_options_are_refused()
    {
        (IChannel channel, _, _) = await Accepted();

        Assert.That(() => channel.Configuration.SetOption(ChannelOption.TcpNodelay, true), Throws.InstanceOf<ChannelException>());
        Assert.That(() => channel.Configuration.GetOption(IntegerSocketOption.TcpKeepIdle), Throws.InstanceOf<ChannelException>());
    }
}
