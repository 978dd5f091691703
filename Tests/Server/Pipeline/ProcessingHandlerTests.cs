using DotNetty.Buffers;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server.Pipeline;

[CancelAfter(30_000)]
public sealed class ProcessingHandlerTests
{
    private static HandlerRig Rig(IPacketProcessor processor) => new(rig =>
    [
        new ProcessingHandler(rig.Connection, processor, CancellationToken.None),
        new CloseHandler(rig.Connection, rig.Log),
    ]);

    private static PacketBatch Batch(int packets)
    {
        IByteBuffer content = Unpooled.WrappedBuffer(Repeat(Article, packets));
        return new PacketBatch(content, packets, 0);
    }

    [Test]
    public void Batch_is_processed_counted_and_released_at_once()
    {
        var processor = new CountingProcessor(1);
        using HandlerRig rig = Rig(processor);
        PacketBatch batch = Batch(3);

        rig.Channel.WriteInbound(batch);

        Assert.Multiple(() =>
        {
            Assert.That(processor.Packets, Is.EqualTo(3));
            Assert.That(processor.PayloadBytes, Is.EqualTo(3 * (Article.Length - 7)));
            Assert.That(rig.Counters.PacketsProcessed, Is.EqualTo(3));
            Assert.That(batch.ReferenceCount, Is.Zero);
        });
    }

    [Test]
    public void End_of_input_closes_at_once_when_nothing_is_pending()
    {
        using HandlerRig rig = Rig(new CountingProcessor(1));
        rig.Channel.WriteInbound(Batch(1));

        rig.EndInput(CloseReason.InvalidPrefix);
        rig.Channel.RunPendingTasks();

        Assert.Multiple(() =>
        {
            Assert.That(rig.Channel.Open, Is.False);
            Assert.That(rig.Counters.Closed(CloseReason.InvalidPrefix), Is.EqualTo(1));
        });
    }

    [Test]
    public void End_of_input_waits_for_what_is_pending()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        PacketBatch batch = Batch(2);
        rig.Channel.WriteInbound(batch);

        rig.EndInput(CloseReason.InvalidPrefix);
        Assert.That(rig.Channel.Open, Is.True);
        Assert.That(batch.ReferenceCount, Is.Zero, "borrowed until ChannelRead returned");
        processor.CompleteAll();

        rig.RunLoopUntil(() => !rig.Channel.Open);
        Assert.That(rig.Counters.PacketsProcessed, Is.EqualTo(2));
    }

    [Test]
    public void Batches_count_as_processed_in_their_order_whichever_completes_first()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Channel.WriteInbound(Batch(1));
        rig.Channel.WriteInbound(Batch(2));
        TaskCompletionSource[] gates = processor.TakeGates();

        gates[1].SetResult();
        rig.Channel.RunPendingTasks();
        Assert.That(rig.Counters.PacketsProcessed, Is.Zero, "the first is not done");
        gates[0].SetResult();

        rig.RunLoopUntil(() => rig.Counters.PacketsProcessed == 3);
    }

    [Test]
    public void First_reason_wins()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Channel.WriteInbound(Batch(1));
        rig.EndInput(CloseReason.PayloadTooLarge);

        rig.Channel.Pipeline.FireExceptionCaught(new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.ConnectionReset));
        rig.RunLoopUntil(() => !rig.Channel.Open);
        processor.CompleteAll();

        rig.RunLoopUntil(() => rig.Counters.PacketsProcessed == 1);
        Assert.Multiple(() =>
        {
            Assert.That(rig.Counters.Closed(CloseReason.PayloadTooLarge), Is.EqualTo(1));
            Assert.That(rig.Counters.Closed(CloseReason.PeerReset), Is.Zero);
        });
    }

    [Test]
    public void Failure_drops_its_batch_and_whatever_follows_on_that_connection()
    {
        using HandlerRig rig = HandlerRig.WholePipeline(new PoisonedProcessor(later: false));
        rig.Receive(Article[..10]); // so that the next read makes two batches: the packet completed here, and the rest

        rig.Receive(Glue(Article[10..], PoisonedProcessor.Poison));
        rig.Channel.RunPendingTasks();

        Assert.Multiple(() =>
        {
            Assert.That(rig.Counters.PacketsProcessed, Is.EqualTo(1));
            Assert.That(rig.Counters.PacketsDropped, Is.EqualTo(1));
            Assert.That(rig.Counters.Closed(CloseReason.ProcessingFailed), Is.EqualTo(1));
            Assert.That(rig.Log.Errors.Count(), Is.EqualTo(1));
        });
    }

    [Test]
    public void Mark_holds_the_peer_back_and_half_of_it_lets_it_go_on()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        int packets = (int)(Admission.ConnectionMark / 4 / Article.Length) + 1; // four batches pass the mark

        for (int i = 0; i < 3; i++)
        {
            rig.Channel.WriteInbound(Batch(packets));
        }

        Assert.That(rig.Channel.Configuration.AutoRead, Is.True, "below the mark");
        rig.Channel.WriteInbound(Batch(packets));
        Assert.That(rig.Channel.Configuration.AutoRead, Is.False, "at the mark");
        Assert.That(rig.Counters.Paused, Is.EqualTo(1));
        TaskCompletionSource[] gates = processor.TakeGates();

        gates[0].SetResult();
        gates[1].SetResult();
        rig.RunLoopUntil(() => rig.Counters.PacketsProcessed == 2 * packets);
        Assert.That(rig.Channel.Configuration.AutoRead, Is.False, "a little more than half is left");
        gates[2].SetResult();

        rig.RunLoopUntil(() => rig.Channel.Configuration.AutoRead);
        Assert.That(rig.Counters.Paused, Is.Zero);
        gates[3].SetResult();
        rig.RunLoopUntil(() => rig.Connection.Pending.IsEmpty);
    }

    [Test]
    public void Held_back_connection_that_ends_its_input_is_not_read_again()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Channel.WriteInbound(Batch((int)(Admission.ConnectionMark / Article.Length) + 1));
        rig.Channel.WriteInbound(Batch(1));
        TaskCompletionSource[] gates = processor.TakeGates();

        rig.EndInput(CloseReason.InvalidPrefix);
        gates[0].SetResult();
        rig.RunLoopUntil(() => rig.Counters.Paused == 0);

        Assert.That(rig.Channel.Configuration.AutoRead, Is.False);
        gates[1].SetResult();
        rig.RunLoopUntil(() => !rig.Channel.Open);
    }
}
