using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Server.Pipeline;

[CancelAfter(30_000)]
public sealed class AdmissionTests
{
    [Test]
    public void Full_loop_holds_back_whoever_adds_and_lets_all_go_below_half()
    {
        var counters = new ServerCounters();
        var loop = HandlerRig.NewLoop(counters);
        Connection[] connections = [.. Enumerable.Range(0, (int)(Admission.LoopMark / 100_000) + 1)
            .Select(i => new Connection(i, new EmbeddedChannel(), loop, new PacketDecoder(), limitedAs: null, new RecordingLogger()))];
        TaskCompletionSource[] gates = [.. connections.Select(connection =>
        {
            var gate = new TaskCompletionSource();
            connection.Pending.Add(gate.Task, packets: 1, bytes: 100_000 - Admission.BatchCost); // below the connection's own mark
            return gate;
        })];

        Assert.That(loop.Admission.Cost, Is.GreaterThanOrEqualTo(Admission.LoopMark));
        Assert.That(counters.Paused, Is.EqualTo(1), "only the one that reached the mark has added since");
        var latecomer = new Connection(0, new EmbeddedChannel(), loop, new PacketDecoder(), limitedAs: null, new RecordingLogger());
        latecomer.Opened();
        Assert.That(counters.Paused, Is.EqualTo(2), "not even its first read");
        latecomer.Closed();
        Assert.That(counters.Paused, Is.EqualTo(1));

        foreach (Connection connection in connections)
        {
            connection.Pending.Drop();
            if (loop.Admission.Cost >= Admission.LoopMark / 2)
            {
                Assert.That(counters.Paused, Is.EqualTo(connection == connections[^1] ? 0 : 1));
            }
        }

        Assert.Multiple(() =>
        {
            Assert.That(counters.Paused, Is.Zero);
            Assert.That(loop.Admission.Cost, Is.Zero);
            Assert.That(gates, Has.All.Property(nameof(TaskCompletionSource.Task)).Property(nameof(Task.IsCompleted)).False);
        });
    }
}
