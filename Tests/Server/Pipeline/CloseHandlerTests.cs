using System.Net.Sockets;
using DotNetty.Buffers;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;

namespace DotNettyFraming.Tests.Server.Pipeline;

[CancelAfter(30_000)]
public sealed class CloseHandlerTests
{
    private static HandlerRig Rig() => new(rig => [new CloseHandler(rig.Connection, rig.Log)]);

    [Test]
    public void Reset_by_the_peer_closes_without_an_error()
    {
        using HandlerRig rig = Rig();

        rig.Channel.Pipeline.FireExceptionCaught(new SocketException((int)SocketError.ConnectionReset));
        rig.Channel.RunPendingTasks();

        Assert.Multiple(() =>
        {
            Assert.That(rig.Channel.Open, Is.False);
            Assert.That(rig.Counters.Closed(CloseReason.PeerReset), Is.EqualTo(1));
            Assert.That(rig.Log.Errors, Is.Empty);
        });
    }

    [Test]
    public void Error_of_our_own_closes_and_is_logged()
    {
        using HandlerRig rig = Rig();

        rig.Channel.Pipeline.FireExceptionCaught(new InvalidOperationException("a bug"));
        rig.Channel.RunPendingTasks();

        Assert.Multiple(() =>
        {
            Assert.That(rig.Counters.Closed(CloseReason.InternalError), Is.EqualTo(1));
            Assert.That(rig.Log.Errors.Count(), Is.EqualTo(1));
        });
    }

    [Test]
    public void Close_without_a_reason_is_the_peers()
    {
        using HandlerRig rig = Rig();
        Assert.That(rig.Counters.Open, Is.EqualTo(1));

        rig.Channel.CloseAsync();
        rig.Channel.RunPendingTasks();

        Assert.Multiple(() =>
        {
            Assert.That(rig.Counters.Closed(CloseReason.PeerClosed), Is.EqualTo(1));
            Assert.That(rig.Counters.Open, Is.Zero);
        });
    }

    [Test]
    public void Message_that_no_handler_takes_is_released()
    {
        using HandlerRig rig = Rig();
        IByteBuffer buffer = rig.Channel.Allocator.Buffer(8).WriteInt(1);

        rig.Channel.WriteInbound(buffer);

        Assert.That(buffer.ReferenceCount, Is.Zero);
    }

    [TestCase(SocketError.TimedOut, true)]
    [TestCase(SocketError.HostUnreachable, true)]
    [TestCase(SocketError.Shutdown, true)]
    [TestCase(SocketError.NoBufferSpaceAvailable, false)]
    [TestCase(SocketError.TooManyOpenSockets, false)]
    [TestCase(SocketError.InvalidArgument, false)]
    [TestCase(SocketError.SocketError, false)]
    public void Socket_error_is_the_peers_or_our_own(SocketError error, bool isPeers)
    {
        using HandlerRig rig = Rig();

        rig.Channel.Pipeline.FireExceptionCaught(new SocketException((int)error));
        rig.Channel.RunPendingTasks();

        Assert.That(rig.Counters.Closed(isPeers ? CloseReason.PeerReset : CloseReason.InternalError), Is.EqualTo(1));
        Assert.That(rig.Log.Errors.Count(), Is.EqualTo(isPeers ? 0 : 1));
    }

    [Test]
    public void End_that_a_failing_handler_stops_on_its_way_is_counted_and_gives_back_the_place()
    {
        var limits = new ConnectionLimits(1, 0);
        limits.Enter(null);
        var counters = new ServerCounters();
        using var rig = new HandlerRig(
            rig => [new FailsAtTheEnd(), new CloseHandler(rig.Connection, rig.Log)], loop: HandlerRig.NewLoop(counters, limits: limits));

        rig.Channel.CloseAsync();
        rig.Channel.RunPendingTasks();

        Assert.Multiple(() =>
        {
            Assert.That((counters.Accepted, counters.Open), Is.EqualTo((1, 0)));
            Assert.That(counters.Closed(CloseReason.InternalError), Is.EqualTo(1));
            Assert.That(limits.Enter(null), Is.Null);
        });
    }

    private sealed class FailsAtTheEnd : DotNetty.Transport.Channels.ChannelHandlerAdapter
    {
        public override void ChannelInactive(DotNetty.Transport.Channels.IChannelHandlerContext context) =>
            throw new InvalidOperationException("a bug");
    }
}
