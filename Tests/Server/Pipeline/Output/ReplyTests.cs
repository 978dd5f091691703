using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server.Pipeline.Output;

/// <summary>Replies over a channel that takes bytes only when the test asks.</summary>
[CancelAfter(30_000)]
public sealed class ReplyTests
{
    [Test]
    public void Replies_to_a_read_are_sent_in_one_write_and_in_order()
    {
        using HandlerRig rig = HandlerRig.WholePipeline(new EchoProcessor());

        rig.Receive(Glue(Of([1]), Of([2]), Of([3])));

        Assert.That(rig.TakeSent(), Is.EqualTo(new[] { Glue(Of([1]), Of([2]), Of([3])) }));
        Assert.Multiple(() =>
        {
            Assert.That(rig.Counters[Counter.PacketsSent], Is.EqualTo(3));
            Assert.That(rig.Counters[Counter.BytesSent], Is.EqualTo(24));
            Assert.That(rig.Loop.UnreadReplies.Bytes, Is.Zero);
        });
    }

    [Test]
    public void Raw_bytes_are_sent_as_they_are_and_count_as_no_packet()
    {
        using HandlerRig rig = HandlerRig.WholePipeline(new CountingProcessor(1));

        Assert.That(rig.Connection.Source.Reply("HELLO"u8), Is.True);
        rig.Channel.RunPendingTasks();

        Assert.That(rig.TakeSent(), Is.EqualTo(new[] { "HELLO"u8.ToArray() }));
        Assert.That(rig.Counters[Counter.PacketsSent], Is.Zero);
        Assert.That(rig.Counters[Counter.BytesSent], Is.EqualTo(5));
    }

    [Test]
    public void Replies_of_any_size_keep_their_order()
    {
        using HandlerRig rig = HandlerRig.WholePipeline(new EchoProcessor());
        byte[] stream = Glue(OfLength(500), OfLength(1), OfLength(65_535), OfLength(0), OfLength(20_000), Repeat(OfLength(100), 300));

        rig.Receive(stream);

        byte[] sent = Glue(rig.TakeSent());
        Assert.That(sent, Has.Length.EqualTo(stream.Length));
        Assert.That(sent.Where((value, at) => value != stream[at]), Is.Empty);
    }

    [Test]
    public void Unread_replies_pause_at_64_KiB_and_resume_below_half()
    {
        var channel = new SlowChannel();
        using HandlerRig rig = HandlerRig.WholePipeline(new EchoProcessor(), channel: channel);

        rig.Receive(OfLength(60_000));
        Assert.That(rig.Connection.IsPaused, Is.False);
        rig.Receive(OfLength(10_000));
        Assert.That(rig.Connection.IsPaused, Is.True);
        Assert.That(rig.Counters[Counter.PausedByReplies], Is.EqualTo(1));

        channel.Take(1000);
        Assert.That(rig.Connection.IsPaused, Is.True);
        channel.Take(60_007 - 1000);
        channel.RunPendingTasks();
        Assert.That(rig.Connection.IsPaused, Is.False, "10,007 bytes are left");
        Assert.That(rig.Counters[Counter.PausedByReplies], Is.Zero);
    }

    [Test]
    public void Replies_above_half_the_loops_bound_have_an_even_share()
    {
        var bound = new UnreadReplies { Connections = 1000 };
        Assert.That(bound.TryTake(unread: 0, bytes: 16 * 1024 * 1024), Is.True);

        Assert.Multiple(() =>
        {
            Assert.That(bound.TryTake(unread: 0, bytes: 16_000), Is.True, "16 MiB / 1,000 connections");
            Assert.That(bound.TryTake(unread: 16_000, bytes: 1_000), Is.False);
            Assert.That(bound.MustPause(unread: 1), Is.True);
            Assert.That(bound.MustPause(unread: 0), Is.False);
        });
    }

    [Test]
    public void Reply_above_the_share_of_a_full_loop_is_refused()
    {
        using HandlerRig rig = HandlerRig.WholePipeline(new CountingProcessor(1));
        rig.Loop.UnreadReplies.TryTake(unread: 0, bytes: 16 * 1024 * 1024);
        rig.Loop.UnreadReplies.Connections = 10_000; // 1,677 bytes each

        Assert.That(rig.Connection.Source.Reply(new byte[1000]), Is.True);
        Assert.That(rig.Connection.Source.Reply(new byte[1000]), Is.False);
    }

    [Test]
    public void Reply_after_the_close_is_refused()
    {
        using HandlerRig rig = HandlerRig.WholePipeline(new EchoProcessor());
        rig.Receive(Article);

        rig.Connection.Abort(CloseReason.IdleTimeout);
        rig.Channel.RunPendingTasks();

        Assert.That(rig.Connection.Source.Reply(new OutgoingPacket(1, default)), Is.False);
        Assert.That(rig.Connection.Source.Reply("x"u8), Is.False);
    }

    [Test]
    public void First_reply_after_the_close_is_refused_too()
    {
        using HandlerRig rig = HandlerRig.WholePipeline(new CountingProcessor(1));

        rig.Connection.Abort(CloseReason.IdleTimeout);
        rig.Channel.RunPendingTasks();

        Assert.That(rig.Connection.Source.Reply("x"u8), Is.False);
    }

    [Test]
    public void Replies_that_wait_at_the_close_give_their_memory_back()
    {
        var channel = new SlowChannel();
        using HandlerRig rig = HandlerRig.WholePipeline(new EchoProcessor(), channel: channel);
        rig.Receive(OfLength(10_000));
        rig.Receive(OfLength(10_000));
        Assert.That(rig.Loop.UnreadReplies.Bytes, Is.GreaterThan(20_000));

        rig.Connection.Abort(CloseReason.IdleTimeout);
        channel.RunPendingTasks();

        Assert.That(rig.Loop.UnreadReplies.Bytes, Is.Zero);
    }

    [Test]
    public void Bad_prefix_sends_the_replies_first_then_half_closes_and_discards_input()
    {
        int shutdowns = 0;
        var counters = new ServerCounters();
        LoopState loop = HandlerRig.NewLoop(counters, sockets: new SocketCalls(null, _ =>
        {
            shutdowns++;
            return Task.CompletedTask;
        }));
        using HandlerRig rig = HandlerRig.WholePipeline(new EchoProcessor(), loop: loop);

        rig.Receive(Glue(Article, "X"u8.ToArray()));
        Assert.That(rig.TakeSent().Select(sent => sent.Length), Is.EqualTo(new[] { 32 }));
        Assert.That((shutdowns, rig.Channel.Open), Is.EqualTo((1, true)));
        rig.Receive(Article);
        Assert.That(counters.PacketsReceived, Is.EqualTo(1), "what comes behind is discarded");

        rig.Sweep();
        rig.Sweep(after: TimeSpan.FromSeconds(0.59));
        Assert.That(rig.Channel.Open, Is.True);
        rig.Sweep(after: TimeSpan.FromSeconds(0.01));
        rig.Channel.RunPendingTasks();
        Assert.That(counters.Closed(CloseReason.InvalidPrefix), Is.EqualTo(1));
    }

    [Test]
    public void Peer_that_closes_ends_the_lingering()
    {
        LoopState loop = HandlerRig.NewLoop(new ServerCounters(), sockets: new SocketCalls(null, _ => Task.CompletedTask));
        using HandlerRig rig = HandlerRig.WholePipeline(new EchoProcessor(), loop: loop);
        rig.Receive(Glue(Article, "X"u8.ToArray()));
        Assert.That(rig.Channel.Open, Is.True);

        rig.Channel.Pipeline.FireUserEventTriggered(DotNetty.Transport.Channels.Sockets.ChannelInputShutdownEvent.Instance);
        rig.Channel.RunPendingTasks();

        Assert.That(rig.Channel.Open, Is.False);
    }

    [Test]
    public void Replies_that_wait_are_sent_before_the_half_close()
    {
        int shutdowns = 0;
        LoopState loop = HandlerRig.NewLoop(new ServerCounters(), sockets: new SocketCalls(null, _ =>
        {
            shutdowns++;
            return Task.CompletedTask;
        }));
        var channel = new SlowChannel();
        using HandlerRig rig = HandlerRig.WholePipeline(new EchoProcessor(), loop: loop, channel: channel);
        rig.Receive(OfLength(1000));
        rig.Receive(Glue(OfLength(2000), "X"u8.ToArray()));
        Assert.That(shutdowns, Is.Zero);

        channel.Take(1007);
        channel.RunPendingTasks();
        Assert.That(shutdowns, Is.Zero, "2,007 bytes are left");
        channel.Take(2007);
        channel.RunPendingTasks();

        Assert.That(shutdowns, Is.EqualTo(1));
    }

    [Test]
    public void Connection_above_its_age_is_drained_and_closed()
    {
        using HandlerRig rig = HandlerRig.WholePipeline(new CountingProcessor(1));
        rig.Deadlines = PeerDeadlines.None with { MaxAge = TimeSpan.FromTicks(1) };
        rig.Receive(Article);

        rig.Sweep();
        rig.Channel.RunPendingTasks();

        Assert.That(rig.Counters.Closed(CloseReason.MaxAge), Is.EqualTo(1));
        Assert.That(rig.Counters.PacketsProcessed, Is.EqualTo(1));
    }

    /// <summary>A channel that takes bytes only in <see cref="Take"/>.</summary>
    internal sealed class SlowChannel : EmbeddedChannel
    {
        public void Take(int bytes) => Unsafe.OutboundBuffer.RemoveBytes(bytes);

        protected override void DoWrite(ChannelOutboundBuffer input)
        {
        }
    }
}
