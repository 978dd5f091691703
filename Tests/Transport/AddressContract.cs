using System.Net;
using System.Net.Sockets;
using DotNetty.Transport.Channels;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Transport;

[TestFixture(typeof(EpollTransport))]
[TestFixture(typeof(EpollTransportWithPrivateBuffers), Category = "Slow")]
[TestFixture(typeof(SocketTransport))]
public class AddressContract<T> : TransportContract<T>
    where T : ITransport, new()
{
    [TestCase("127.0.0.1", "127.0.0.1", AddressFamily.InterNetwork)]
    [TestCase("0.0.0.0", "127.0.0.1", AddressFamily.InterNetwork)]
    [TestCase("::1", "::1", AddressFamily.InterNetworkV6)]
    [TestCase("::", "::1", AddressFamily.InterNetworkV6)]
    [TestCase("::", "127.0.0.1", AddressFamily.InterNetworkV6)]
    [TestCase("127.0.0.1", "127.0.0.1", AddressFamily.InterNetworkV6)]
    [TestCase("::ffff:127.0.0.1", "127.0.0.1", AddressFamily.InterNetworkV6)]
    public async Task Both_ends_know_both_addresses(string bindTo, string connectTo, AddressFamily family)
    {
        if (family == AddressFamily.InterNetworkV6)
        {
            Machine.RequireIPv6();
        }

        var handler = new RecordingHandler();
        IChannel listener = await Listen(c => c.Pipeline.AddLast(handler), at: new IPEndPoint(IPAddress.Parse(bindTo), 0), family: family);
        var target = new IPEndPoint(IPAddress.Parse(connectTo), ((IPEndPoint)listener.LocalAddress).Port);
        Socket peer = DisposeLater(new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        await peer.ConnectAsync(target, Cancel);
        IChannel channel = (await handler.Active.WaitAsync(Cancel)).Channel;

        Assert.That(Plain(channel.RemoteAddress), Is.EqualTo(Plain(peer.LocalEndPoint!)));
        Assert.That(Plain(channel.LocalAddress), Is.EqualTo(Plain(peer.RemoteEndPoint!)));
        Assert.That(((IPEndPoint)channel.RemoteAddress).AddressFamily, Is.EqualTo(family), "mapped addresses stay mapped");
        Assert.That(listener.RemoteAddress, Is.Null);
    }

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task Outgoing_channel_reaches_either_family(string address)
    {
        Machine.RequireFamilyOf(address);
        using var listener = new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        listener.Listen();

        IChannel channel = await Outgoing(new RecordingHandler()).ConnectAsync(listener.LocalEndPoint!).WaitAsync(Cancel);
        using Socket peer = await listener.AcceptAsync(Cancel);

        Assert.That(Plain(channel.RemoteAddress), Is.EqualTo(Plain(listener.LocalEndPoint!)));
        Assert.That(Plain(channel.LocalAddress), Is.EqualTo(Plain(peer.RemoteEndPoint!)));
    }

    [Test]
    public async Task Port_in_use_is_an_error()
    {
        Socket other = RawListener();

        Exception failure = await Failure(Listen(_ => { }, at: (IPEndPoint)other.LocalEndPoint!, family: AddressFamily.InterNetwork));

        Assert.That((failure as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.AddressAlreadyInUse));
    }

    [Test]
    public async Task Port_of_another_listener_under_test_is_an_error()
    {
        IChannel first = await Listen(_ => { }, family: AddressFamily.InterNetwork);

        Exception failure = await Failure(Listen(_ => { }, at: (IPEndPoint)first.LocalAddress, family: AddressFamily.InterNetwork));

        Assert.That((failure as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.AddressAlreadyInUse));
    }

    [Test]
    public async Task Port_is_free_again_once_its_server_has_closed()
    {
        (IChannel channel, RecordingHandler handler, _) = await Accepted();
        await channel.CloseAsync().WaitAsync(Cancel);
        await handler.Inactive.WaitAsync(Cancel);
        IChannel listener = channel.Parent;
        var at = new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)listener.LocalAddress).Port);
        await listener.CloseAsync().WaitAsync(Cancel);

        // The closed connection is in TIME_WAIT on this port.
        IChannel again = await Listen(_ => { }, at: at);
        Assert.That(again.Active, Is.True);
    }

    [Test]
    public void Bind_to_a_name_fails()
    {
        Assert.That(
            async () => await new DotNetty.Transport.Bootstrapping.ServerBootstrap().Group(Group).ChannelFactory(NewListener)
                .ChildHandler(new ActionChannelInitializer<IChannel>(_ => { })).BindAsync("localhost", 0).WaitAsync(Cancel),
            Throws.Exception);
    }

    private IServerChannel NewListener() => Transport is SocketTransport
        ? new DotNetty.Transport.Channels.Sockets.TcpServerSocketChannel()
        : new DotNettyFraming.Transport.EpollServerSocketChannel();

    private static IPEndPoint Plain(EndPoint endPoint)
    {
        var ip = (IPEndPoint)endPoint;
        return new IPEndPoint(ip.Address.IsIPv4MappedToIPv6 ? ip.Address.MapToIPv4() : ip.Address, ip.Port);
    }
}
