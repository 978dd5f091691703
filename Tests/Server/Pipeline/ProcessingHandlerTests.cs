using DotNetty.Buffers;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Limits;
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
        return PacketBatch.Of(content);
    }

    [Test]
    public void Batch_is_processed_counted_and_released_immediately()
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
    public void End_of_input_closes_immediately_when_nothing_is_pending()
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

        rig.Channel.Pipeline.FireExceptionCaught(
            new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.ConnectionReset));
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
        rig.Receive(Article[..10]); // the next read makes two batches: the packet that it completes, and the rest

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
        int packets = (int)(BackPressure.MaxConnectionMark / 4 / Article.Length) + 1; // four batches pass the mark

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
        rig.Channel.WriteInbound(Batch((int)(BackPressure.MaxConnectionMark / Article.Length) + 1));
        rig.Channel.WriteInbound(Batch(1));
        TaskCompletionSource[] gates = processor.TakeGates();

        rig.EndInput(CloseReason.InvalidPrefix);
        gates[0].SetResult();
        rig.RunLoopUntil(() => rig.Counters.Paused == 0);

        Assert.That(rig.Channel.Configuration.AutoRead, Is.False);
        gates[1].SetResult();
        rig.RunLoopUntil(() => !rig.Channel.Open);
    }

    [Test]
    public void What_is_behind_a_failed_batch_is_dropped_though_it_completed()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Channel.WriteInbound(Batch(1), Batch(2), Batch(4));
        TaskCompletionSource[] gates = processor.TakeGates();

        gates[1].SetResult();
        gates[2].SetResult();
        gates[0].SetException(new InvalidOperationException("failed"));

        rig.RunLoopUntil(() => rig.Counters.PacketsDropped == 7);
        Assert.Multiple(() =>
        {
            Assert.That(rig.Counters.PacketsProcessed, Is.Zero);
            Assert.That(rig.Connection.PacketsProcessed, Is.Zero);
            Assert.That(rig.Log.Errors.Count(), Is.EqualTo(1));
            Assert.That(rig.Counters.Closed(CloseReason.ProcessingFailed), Is.EqualTo(1));
            Assert.That(rig.Loop.BackPressure.Cost, Is.Zero);
        });
    }

    [Test]
    public void Failure_behind_a_pending_batch_stops_the_processor_and_keeps_that_batch()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Channel.WriteInbound(Batch(1), Batch(2), Batch(4));
        TaskCompletionSource[] gates = processor.TakeGates();

        gates[1].SetException(new InvalidOperationException("failed"));
        rig.RunLoopUntil(() => rig.Counters.PacketsDropped == 6);
        Hand(rig, processor, Batch(8));
        Assert.That((processor.Batches, rig.Counters.PacketsDropped, rig.Counters.PacketsProcessed), Is.EqualTo((3, 14, 0)));
        gates[0].SetResult();

        rig.RunLoopUntil(() => rig.Counters.PacketsProcessed == 1);
        Assert.That(rig.Connection.PacketsProcessed, Is.EqualTo(1));
        gates[2].SetException(new InvalidOperationException("failed, too"));
        rig.Channel.RunPendingTasks();
        Assert.That(rig.Log.Errors.Count(), Is.EqualTo(1), "logged once");
        Assert.That((rig.Counters.PacketsReceived, rig.Counters.PacketsDropped), Is.EqualTo((15, 14)));
    }

    [Test]
    public void Task_that_has_failed_already_stops_the_processor_immediately()
    {
        var processor = new FailedProcessor();
        using HandlerRig rig = Rig(processor);

        rig.Channel.Pipeline.FireChannelRead(Batch(1));
        Hand(rig, processor, Batch(2));
        rig.Channel.Pipeline.FireUserEventTriggered(DotNetty.Transport.Channels.Sockets.ChannelInputShutdownEvent.Instance);
        rig.Channel.RunPendingTasks();

        Assert.Multiple(() =>
        {
            Assert.That(processor.Batches, Is.EqualTo(1));
            Assert.That((rig.Counters.PacketsProcessed, rig.Counters.PacketsDropped), Is.EqualTo((0, 3)));
            Assert.That(rig.Counters.Closed(CloseReason.ProcessingFailed), Is.EqualTo(1));
            Assert.That(rig.Log.Errors.Count(), Is.EqualTo(1));
        });
    }

    [Test]
    public void One_call_moves_the_position_over_many_batches()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        for (int i = 0; i < 100; i++)
        {
            rig.Channel.WriteInbound(Batch(3));
        }

        rig.Connection.Pending.ProcessedTo(240);

        Assert.Multiple(() =>
        {
            Assert.That((rig.Connection.PacketsReceived, rig.Connection.PacketsProcessed), Is.EqualTo((300, 240)));
            Assert.That(rig.Counters.PacketsProcessed, Is.EqualTo(240));
            Assert.That(rig.Connection.Pending.Cost, Is.EqualTo(20 * ((3 * 32) + 512)));
        });
        rig.Connection.Pending.ProcessedTo(300);
        Assert.That(rig.Connection.HasPending, Is.False);
        processor.CompleteAll();
    }

    [Test]
    public void Batch_that_pins_its_read_buffer_costs_all_of_it()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        IByteBuffer read = Unpooled.Buffer(64 * 1024).WriteBytes(Repeat(Article, 1024)); // half of the buffer

        rig.Channel.WriteInbound(PacketBatch.Of(read));
        Assert.That(rig.Loop.BackPressure.Cost, Is.EqualTo(65_536 + 512));
        rig.Channel.WriteInbound(PacketBatch.Of(Unpooled.Buffer(64 * 1024).WriteBytes(Article)));

        Assert.That(rig.Loop.BackPressure.Cost, Is.EqualTo(65_536 + 512 + 32 + 512), "a copy, where it fills less");
        rig.Connection.Pending.Abandon();
    }

    [Test]
    public void Exceptions_of_dropped_tasks_are_observed()
    {
        var unobserved = new List<string>();
        void Record(object? sender, UnobservedTaskExceptionEventArgs e) => unobserved.Add(e.Exception.InnerException!.Message);
        TaskScheduler.UnobservedTaskException += Record;
        try
        {
            FailAfterDrop();
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Assert.That(unobserved, Has.None.EqualTo("after the drop"));
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= Record;
        }
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void FailAfterDrop()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Channel.WriteInbound(Batch(1), Batch(1));
        TaskCompletionSource[] gates = processor.TakeGates();
        gates[1].SetException(new InvalidOperationException("after the drop"));
        rig.Loop.AbortAll(CloseReason.ServerStopping);
        gates[0].SetException(new InvalidOperationException("after the drop"));
        Assert.That(rig.Counters.PacketsDropped, Is.EqualTo(2));
    }

    [Test]
    public void Packets_behind_a_forced_stop_are_dropped_and_not_processed()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Channel.WriteInbound(Batch(1));

        rig.Loop.AbortAll(CloseReason.ServerStopping);
        Hand(rig, processor, Batch(5));

        Assert.That((rig.Counters.PacketsDropped, rig.Counters.PacketsProcessed, processor.Batches), Is.EqualTo((6, 0, 1)));
        processor.CompleteAll();
        rig.Channel.RunPendingTasks();
        Assert.That(rig.Counters.PacketsProcessed, Is.Zero);
        Assert.That(rig.Counters.Closed(CloseReason.ServerStopping), Is.EqualTo(1));
    }

    [Test]
    public void Connection_closed_at_its_deadline_with_pending_work_is_not_closed_again()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Channel.WriteInbound(Batch(1));
        rig.EndInput(CloseReason.InvalidPrefix);

        Assert.That(Judge(afterSeconds: 0), Is.Null, "the time starts");
        Assert.That(Judge(afterSeconds: 30), Is.Null, "it closes now");
        Assert.That(Judge(afterSeconds: 60), Is.Null, "closing");
        rig.Channel.RunPendingTasks();

        Assert.That(rig.Channel.Open, Is.False);
        Assert.That(rig.Counters.Closed(CloseReason.InvalidPrefix), Is.EqualTo(1));
        Assert.That(Judge(afterSeconds: 90), Is.Null, "closed");
        processor.CompleteAll();
        rig.RunLoopUntil(() => rig.Counters.PacketsProcessed == 1);

        CloseReason? Judge(int afterSeconds) => rig.Connection.JudgePeer(
            TimeSpan.FromSeconds(afterSeconds).Ticks, TimeSpan.FromMilliseconds(200).Ticks, PeerDeadlines.None);
    }

    /// <summary>Delivers a batch after the close, when the channel's pipeline has no handlers left.</summary>
    private static void Hand(HandlerRig rig, IPacketProcessor processor, PacketBatch batch) =>
        new ProcessingHandler(rig.Connection, processor, CancellationToken.None).ChannelRead(null!, batch);

    /// <summary>A processor that returns a failed task, like an async method that throws before its first await.</summary>
    private sealed class FailedProcessor : IPacketProcessor
    {
        public int Batches { get; private set; }

        public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
        {
            Batches++;
            return ValueTask.FromException(new InvalidOperationException("failed"));
        }
    }
}
