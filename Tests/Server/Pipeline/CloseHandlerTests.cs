using System.Net.Sockets;
using DotNetty.Buffers;
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
    public void Message_that_nobody_takes_is_released()
    {
        using HandlerRig rig = Rig();
        IByteBuffer buffer = rig.Channel.Allocator.Buffer(8).WriteInt(1);

        rig.Channel.WriteInbound(buffer);

        Assert.That(buffer.ReferenceCount, Is.Zero);
    }
}
