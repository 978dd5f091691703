using System.Net;
using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Tests.Transport;

[TestFixture(typeof(EpollTransport))]
[TestFixture(typeof(SocketTransport))]
public class OptionsContract<T> : TransportContract<T>
    where T : ITransport, new()
{
    [Test]
    public async Task Child_options_reach_the_accepted_socket()
    {
        (IChannel channel, _, _) = await Accepted(b => b
            .ChildOption(ChannelOption.TcpNodelay, false)
            .ChildOption(ChannelOption.SoKeepalive, true)
            .ChildOption(ChannelOption.SoRcvbuf, 32 * 1024)
            .ChildOption(ChannelOption.SoSndbuf, 48 * 1024)
            .ChildOption(ChannelOption.SoLinger, 0)
            .ChildOption(ChannelOption.AllowHalfClosure, true)
            .ChildOption(ChannelOption.ConnectTimeout, TimeSpan.FromSeconds(3))
            .ChildOption(ChannelOption.WriteSpinCount, 3)
            .ChildOption(ChannelOption.Allocator, UnpooledByteBufferAllocator.Default)
            .ChildOption(ChannelOption.WriteBufferLowWaterMark, 1000));
        IChannelConfiguration options = channel.Configuration;

        Assert.That(options.GetOption(ChannelOption.TcpNodelay), Is.False);
        Assert.That(options.GetOption(ChannelOption.SoKeepalive), Is.True);
        Assert.That(options.GetOption(ChannelOption.SoRcvbuf), Is.GreaterThanOrEqualTo(32 * 1024));
        Assert.That(options.GetOption(ChannelOption.SoSndbuf), Is.GreaterThanOrEqualTo(48 * 1024));
        Assert.That(options.GetOption(ChannelOption.SoLinger), Is.Zero);
        Assert.That(options.GetOption(ChannelOption.AllowHalfClosure), Is.True);
        Assert.That(options.GetOption(ChannelOption.ConnectTimeout), Is.EqualTo(TimeSpan.FromSeconds(3)));
        Assert.That(options.GetOption(ChannelOption.WriteSpinCount), Is.EqualTo(3));
        Assert.That(options.GetOption(ChannelOption.WriteBufferLowWaterMark), Is.EqualTo(1000));
        Assert.That(channel.Allocator, Is.SameAs(UnpooledByteBufferAllocator.Default));
    }

    [Test]
    public async Task Nagle_is_off_by_default_at_both_ends()
    {
        (IChannel accepted, _, _) = await Accepted();
        Socket listener = RawListener();
        IChannel outgoing = await Outgoing(new RecordingHandler()).ConnectAsync(listener.LocalEndPoint!).WaitAsync(Cancel);

        Assert.That(accepted.Configuration.GetOption(ChannelOption.TcpNodelay), Is.True);
        Assert.That(outgoing.Configuration.GetOption(ChannelOption.TcpNodelay), Is.True);
    }

    [Test]
    public async Task Linger_zero_resets_the_peer()
    {
        (IChannel channel, _, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.SoLinger, 0));

        await OnLoop(channel, () =>
        {
            channel.Unsafe.CloseForcibly();
            return 0;
        });

        if (Transport is SocketTransport)
        {
            Assert.Ignore("DotNetty's sockets send a FIN before the reset");
        }

        Exception failure = await Failure(ReceiveAll(peer));
        Assert.That((failure as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
    }

    [Test]
    public async Task Backlog_and_reuse_of_the_listener_are_kept()
    {
        Needs(Capability.ReuseAddressAlone);
        IChannel listener = await Listen(_ => { }, b => b.Option(ChannelOption.SoBacklog, 7).Option(ChannelOption.SoRcvbuf, 64 * 1024));

        Assert.That(listener.Configuration.GetOption(ChannelOption.SoBacklog), Is.EqualTo(7));
        Assert.That(listener.Configuration.GetOption(ChannelOption.SoRcvbuf), Is.GreaterThanOrEqualTo(64 * 1024));
        Assert.That(listener.Configuration.GetOption(ChannelOption.SoReuseaddr), Is.True);
        Assert.That(listener.Configuration.GetOption(ChannelOption.SoReuseport), Is.False);
    }

    [Test]
    public async Task Reuse_of_the_port_is_on_request_only()
    {
        Needs(Capability.ReuseAddressAlone);
        IChannel first = await Listen(_ => { }, b => b.Option(ChannelOption.SoReuseport, true));
        var at = new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)first.LocalAddress).Port);

        IChannel second = await Listen(_ => { }, b => b.Option(ChannelOption.SoReuseport, true), at);
        Assert.That(second.Active, Is.True);
        Assert.That(() => Listen(_ => { }, b => b.Option(ChannelOption.SoReuseaddr, true), at), Throws.InstanceOf<SocketException>());
    }

    [Test]
    public async Task Allocator_of_receive_buffers_bounds_each_read()
    {
        (_, RecordingHandler handler, Socket peer) = await Accepted(b => b
            .ChildOption(ChannelOption.RcvbufAllocator, new AdaptiveRecvByteBufAllocator(64, 100, 100))
            .ChildOption(ChannelOption.Allocator, UnpooledByteBufferAllocator.Default));
        var sizes = new List<int>();
        handler.OnRead = (_, buffer) => sizes.Add(buffer.ReadableBytes);
        byte[] sent = Pattern(10_000);

        await peer.SendAsync(sent, SocketFlags.None, Cancel);

        Assert.That(await handler.ReceivedAtLeast(sent.Length, Cancel), Is.EqualTo(sent));
        Assert.That(sizes, Is.All.LessThanOrEqualTo(112), "100 rounded up to a size of the allocator");
    }

    [Test]
    public async Task Unknown_option_is_not_taken()
    {
        (IChannel channel, _, _) = await Accepted();
        Assert.That(channel.Configuration.SetOption(ChannelOption.SoBroadcast, true), Is.False);
    }
}
