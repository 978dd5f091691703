using System.Net;
using System.Net.Sockets;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Tests.Transport;

[TestFixture(typeof(EpollTransport))]
[TestFixture(typeof(EpollTransportWithPrivateBuffers), Category = "Slow")]
[TestFixture(typeof(SocketTransport))]
[TestFixture(typeof(UnixEpollTransport), Category = "Slow")]
[TestFixture(typeof(UnixSocketTransport), Category = "Slow")]
public class ConnectingContract<T> : TransportContract<T>
    where T : ITransport, new()
{
    [Test]
    public async Task Connected_channel_is_active_and_carries_bytes_both_ways()
    {
        Socket listener = RawListener();
        var handler = new RecordingHandler();

        IChannel channel = await Outgoing(handler).ConnectAsync(listener.LocalEndPoint!).WaitAsync(Cancel);
        using Socket peer = await listener.AcceptAsync(Cancel);

        Assert.That(channel.Active, Is.True);
        if (Transport is SocketTransport)
        {
            await handler.Active.WaitAsync(Cancel); // DotNetty's sockets complete the promise earlier
        }

        Assert.That(handler.Active.IsCompleted, Is.True, "active comes before the promise");

        await channel.WriteAndFlushAsync(Buffer(Pattern(10))).WaitAsync(Cancel);
        Assert.That(await ReceiveExactly(peer, 10), Is.EqualTo(Pattern(10)));
        await peer.SendAsync(Pattern(20), SocketFlags.None, Cancel);
        Assert.That(await handler.ReceivedAtLeast(20, Cancel), Is.EqualTo(Pattern(20)));
    }

    [Test]
    public async Task Greeting_sent_at_accept_comes_after_active()
    {
        Socket listener = RawListener();
        for (int i = 0; i < 50; i++)
        {
            var handler = new RecordingHandler();
            Task<Socket> accept = listener.AcceptAsync(Cancel).AsTask();
            IChannel channel = await Outgoing(handler).ConnectAsync(listener.LocalEndPoint!).WaitAsync(Cancel);
            using Socket peer = await accept;
            await peer.SendAsync(Pattern(5), SocketFlags.None, Cancel);
            await handler.ReceivedAtLeast(5, Cancel);
            Assert.That(handler.Events.First(), Is.EqualTo("active"));
            await channel.CloseAsync().WaitAsync(Cancel);
        }
    }

    [Test]
    public async Task Refused_connect_fails_with_ConnectionRefused()
    {
        Socket unused = RawListener();
        EndPoint refusing = unused.LocalEndPoint!;
        unused.Close();

        Exception failure = await Failure(Outgoing(new RecordingHandler()).ConnectAsync(refusing));

        // The file of a closed Unix socket is deleted.
        SocketError expected = refusing is IPEndPoint ? SocketError.ConnectionRefused : SocketError.AddressNotAvailable;
        Assert.That(failure, Is.InstanceOf<ConnectException>());
        Assert.That((failure.InnerException as SocketException)?.SocketErrorCode, Is.EqualTo(expected));
    }

    [Test]
    public async Task Unreachable_address_fails()
    {
        Needs(Capability.IpAddresses);

        // TCP cannot connect to a multicast address: the kernel says ENETUNREACH and sends nothing.
        var multicast = new IPEndPoint(IPAddress.Parse("224.0.0.1"), 9);

        Exception failure = await Failure(Outgoing(new RecordingHandler()).ConnectAsync(multicast));

        Assert.That((failure.InnerException as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.NetworkUnreachable));
    }

    [Test]
    public async Task Connect_without_answer_times_out_and_closes()
    {
        Needs(Capability.WaitsForQueue);
        EndPoint silent = await SilentListener();
        var handler = new RecordingHandler();
        IChannel? channel = null;

        Exception failure = await Failure(Outgoing(new ActionChannelInitializer<IChannel>(c =>
        {
            channel = c;
            c.Pipeline.AddLast(handler);
        })).Option(ChannelOption.ConnectTimeout, TimeSpan.FromMilliseconds(150)).ConnectAsync(silent));

        Assert.That(failure, Is.InstanceOf<ConnectTimeoutException>());
        await channel!.CloseCompletion.WaitAsync(Cancel);
        Assert.That(channel.Open, Is.False);
        Assert.That(handler.Active.IsCompleted, Is.False);
    }

    [Test]
    public async Task Close_while_connecting_fails_the_connect()
    {
        Needs(Capability.CancelsConnect);
        EndPoint silent = await SilentListener();
        var made = new TaskCompletionSource<IChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<IChannel> connect = Outgoing(new ActionChannelInitializer<IChannel>(c => made.TrySetResult(c))).ConnectAsync(silent);
        IChannel channel = await made.Task.WaitAsync(Cancel);
        await OnLoop(channel, () => 0);

        await channel.CloseAsync().WaitAsync(Cancel);

        Assert.That(async () => await connect.WaitAsync(Cancel), Throws.InstanceOf<ClosedChannelException>());
    }

    [Test]
    public async Task Second_connect_fails_and_leaves_the_first_alone()
    {
        Socket listener = RawListener();
        IChannel channel = await Outgoing(new RecordingHandler()).ConnectAsync(listener.LocalEndPoint!).WaitAsync(Cancel);

        Assert.That(async () => await channel.ConnectAsync(listener.LocalEndPoint).WaitAsync(Cancel), Throws.Exception);
        await Task.Yield();
        if (Transport is EpollTransport)
        {
            Assert.That(channel.Active, Is.True);
        }
    }

    [Test]
    public async Task Connect_from_a_local_address_uses_it()
    {
        Needs(Capability.IpAddresses);
        Socket listener = RawListener();
        IChannel channel = await Outgoing(new RecordingHandler())
            .ConnectAsync(listener.LocalEndPoint!, new IPEndPoint(IPAddress.Parse("127.0.0.3"), 0)).WaitAsync(Cancel);
        using Socket peer = await listener.AcceptAsync(Cancel);

        Assert.That(((IPEndPoint)peer.RemoteEndPoint!).Address, Is.EqualTo(IPAddress.Parse("127.0.0.3")));
        Assert.That(((IPEndPoint)channel.LocalAddress).Address.MapToIPv4(), Is.EqualTo(IPAddress.Parse("127.0.0.3")));
    }

    [Test]
    public void Connect_from_an_address_that_is_not_ours_fails()
    {
        Needs(Capability.IpAddresses);
        Socket listener = RawListener();
        Assert.That(
            async () => await Outgoing(new RecordingHandler())
                .ConnectAsync(listener.LocalEndPoint!, new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0)).WaitAsync(Cancel),
            Throws.Exception);
    }
}
