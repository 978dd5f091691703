using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;

namespace DotNettyFraming.Tests.Server.Pipeline;

/// <summary>Peers that stop reading, over a channel that takes bytes only when the test asks.</summary>
[CancelAfter(30_000)]
public sealed class WriteTimeoutTests
{
    [Test]
    public void Peer_that_takes_nothing_is_closed_after_30_seconds_and_not_before()
    {
        var channel = new SlowChannel();
        using HandlerRig rig = Rig(channel);
        _ = channel.WriteAndFlushAsync(Unpooled.WrappedBuffer(new byte[100]));

        rig.Sweep();
        rig.Sweep(after: TimeSpan.FromSeconds(29.8));
        Assert.That(channel.Open, Is.True);
        rig.Sweep(after: TimeSpan.FromSeconds(0.2));
        channel.RunPendingTasks();

        Assert.That(rig.Counters.Closed(CloseReason.WriteTimeout), Is.EqualTo(1));
    }

    [Test]
    public void Peer_that_takes_a_byte_now_and_then_stays_and_so_does_one_that_took_all()
    {
        var channel = new SlowChannel();
        using HandlerRig rig = Rig(channel);
        _ = channel.WriteAndFlushAsync(Unpooled.WrappedBuffer(new byte[3]));
        for (int i = 0; i < 3; i++)
        {
            rig.Sweep(after: TimeSpan.FromSeconds(29));
            channel.Take(1);
        }

        rig.Sweep(after: TimeSpan.FromSeconds(29));
        rig.Sweep(after: TimeSpan.FromSeconds(60));

        Assert.That(channel.Open, Is.True);
    }

    [Test]
    public void Writing_more_to_a_peer_that_takes_nothing_does_not_save_it()
    {
        var channel = new SlowChannel();
        using HandlerRig rig = Rig(channel);
        for (int i = 0; i <= 30; i++)
        {
            _ = channel.WriteAndFlushAsync(Unpooled.WrappedBuffer(new byte[15]));
            rig.Sweep(after: TimeSpan.FromSeconds(1));
        }

        channel.RunPendingTasks();
        Assert.That(rig.Counters.Closed(CloseReason.WriteTimeout), Is.EqualTo(1));
    }

    private static HandlerRig Rig(SlowChannel channel) => new(rig => [new CloseHandler(rig.Connection, rig.Log)], channel: channel)
    {
        Deadlines = PeerDeadlines.None with { Write = new ServerOptions().WriteTimeout },
    };

    private sealed class SlowChannel : EmbeddedChannel
    {
        public void Take(int bytes)
        {
            ChannelOutboundBuffer waiting = Unsafe.OutboundBuffer;
            waiting.RemoveBytes(bytes);
        }

        protected override void DoWrite(ChannelOutboundBuffer input)
        {
        }
    }
}
