using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Server.Processing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server.Pipeline;

[CancelAfter(30_000)]
public sealed class DrainHandlerTests
{
    [Test]
    public void Empty_socket_ends_the_input_immediately()
    {
        using HandlerRig rig = HandlerRig.WholePipeline(new CountingProcessor(1));

        rig.Channel.Pipeline.AddFirst(new DrainHandler(rig.Connection, CloseReason.ServerStopping, _ => 0));
        rig.Channel.RunPendingTasks();

        Assert.That(rig.Counters.Closed(CloseReason.ServerStopping), Is.EqualTo(1));
    }

    [Test]
    public void Full_socket_is_read_until_it_is_empty()
    {
        int available = 2 * Article.Length;
        using HandlerRig rig = HandlerRig.WholePipeline(new CountingProcessor(1));
        rig.Channel.Pipeline.AddFirst(new DrainHandler(rig.Connection, CloseReason.ServerStopping, _ => available));
        Assert.That(rig.Channel.Open, Is.True);

        available -= Article.Length;
        rig.Receive(Article);
        Assert.That(rig.Channel.Open, Is.True);
        available -= Article.Length;
        rig.Receive(Article);
        rig.Channel.RunPendingTasks();

        Assert.Multiple(() =>
        {
            Assert.That(rig.Counters.Closed(CloseReason.ServerStopping), Is.EqualTo(1));
            Assert.That(rig.Counters.PacketsProcessed, Is.EqualTo(2));
        });
    }

    [Test]
    public void Socket_that_never_empties_is_ended_after_a_bounded_number_of_bytes()
    {
        using HandlerRig rig = HandlerRig.WholePipeline(new CountingProcessor(1));
        rig.Channel.Pipeline.AddFirst(new DrainHandler(rig.Connection, CloseReason.ServerStopping, _ => 1));
        byte[] read = Repeat(Article, 1000);

        int reads = 0;
        while (rig.Channel.Open)
        {
            rig.Receive(read);
            rig.Channel.RunPendingTasks();
            Assert.That(++reads * read.Length, Is.LessThan(1_048_576 + read.Length + 1));
        }

        Assert.That(reads * read.Length, Is.GreaterThanOrEqualTo(1_048_576));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Connection_that_opens_during_the_stop_is_ended_as_well(bool byForce)
    {
        var counters = new ServerCounters();
        LoopState loop = HandlerRig.NewLoop(counters, availableBytes: byForce ? 1 : 0);
        loop.StartDrain();
        if (byForce)
        {
            loop.AbortAll(CloseReason.ServerStopping);
        }

        using HandlerRig rig = HandlerRig.WholePipeline(new CountingProcessor(1), loop: loop);
        rig.Channel.RunPendingTasks();

        Assert.That(rig.Channel.Open, Is.False);
        Assert.That(counters.Closed(CloseReason.ServerStopping), Is.EqualTo(1));
    }
}
