using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Server.Pipeline.Output;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server.Pipeline.Output;

/// <summary>PROTOCOL, acknowledgements: when they are sent, and the count in them.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(30_000)]
public sealed class AcknowledgementTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(0x5CCE4380));
    private readonly ServerCounters _counters = new();
    private readonly List<string> _events = [];
    private readonly LoopState _loop;
    private readonly Acknowledger _acks;

    public AcknowledgementTests()
    {
        _acks = new Acknowledger(HeaderLayout.Default, AckLevel.Processed, TimeSpan.FromMilliseconds(20), _time);
        _loop = HandlerRig.NewLoop(_counters, acknowledger: _acks, sockets: new SocketCalls(null, _ =>
        {
            _events.Add("FIN");
            return Task.CompletedTask;
        }));
    }

    [Test]
    public void First_packets_are_acknowledged_at_the_end_of_their_turn_in_15_bytes()
    {
        using HandlerRig rig = Rig();

        rig.Receive(Repeat(Article, 3));

        Assert.That(rig.TakeSent(), Is.EqualTo(new[]
        {
            new byte[] { 0x26, 8, 0, 0x80, 0x43, 0xCE, 0x5C, 3, 0, 0, 0, 0, 0, 0, 0 },
        }));
        Assert.Multiple(() =>
        {
            Assert.That(_counters[Counter.PacketsAcknowledged], Is.EqualTo(3));
            Assert.That(_counters[Counter.PacketsSent], Is.EqualTo(1));
            Assert.That(_counters[Counter.BytesSent], Is.EqualTo(15));
        });
    }

    [Test]
    public void Interval_allows_one_acknowledgement_with_the_newest_number()
    {
        using HandlerRig rig = Rig();
        rig.Receive(Article);
        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 1 }));

        rig.Receive(Article);
        rig.Receive(Repeat(Article, 5));
        Pass(milliseconds: 19);
        Assert.That(TakeNumbers(rig), Is.Empty);
        Pass(milliseconds: 1);
        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 7 }));

        Pass(milliseconds: 20);
        Assert.That(TakeNumbers(rig), Is.Empty, "nothing new");
        rig.Receive(Article);
        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 8 }), "the interval was over");
        Assert.That(_counters[Counter.PacketsAcknowledged], Is.EqualTo(8));
    }

    [Test]
    public void Peer_that_does_not_read_has_one_acknowledgement_waiting_and_gets_the_newest_next()
    {
        var channel = new ReplyTests.SlowChannel();
        using HandlerRig rig = Rig(channel: channel);
        for (int i = 0; i < 100; i++)
        {
            rig.Receive(Article);
            Pass(milliseconds: 20);
        }

        Assert.That(channel.Unsafe.OutboundBuffer.Size, Is.EqualTo(1));
        Assert.That(_counters[Counter.PacketsAcknowledged], Is.EqualTo(1));
        channel.Take(15);
        channel.RunPendingTasks();

        Assert.That(_counters[Counter.PacketsAcknowledged], Is.EqualTo(100));
    }

    [Test]
    public void Packets_behind_a_gap_are_not_acknowledged()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Receive(Article);
        rig.Receive(Repeat(Article, 2));
        TaskCompletionSource[] gates = processor.TakeGates();

        gates[1].SetResult();
        rig.Channel.RunPendingTasks();
        Assert.That(TakeNumbers(rig), Is.Empty);
        gates[0].SetResult();

        rig.RunLoopUntil(() => _counters.PacketsProcessed == 3);
        rig.Channel.RunPendingTasks();
        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 3 }));
    }

    [Test]
    public void Number_is_repeated_every_5_seconds_while_packets_wait()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Receive(Article);
        Sweep(seconds: 0);
        Sweep(seconds: 4.9);
        Assert.That(TakeNumbers(rig), Is.Empty);
        Sweep(seconds: 0.1);
        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 0 }));

        processor.CompleteAll();
        rig.RunLoopUntil(() => _counters[Counter.PacketsAcknowledged] == 1 || Passed());
        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 1 }));
        Sweep(seconds: 60);
        Assert.That(TakeNumbers(rig), Is.Empty, "no packet waits");

        void Sweep(double seconds)
        {
            rig.Sweep(after: TimeSpan.FromSeconds(seconds));
            Pass(milliseconds: 20);
            rig.Channel.RunPendingTasks();
        }

        bool Passed()
        {
            Pass(milliseconds: 20);
            return false;
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Failed_packet_is_never_acknowledged_and_those_before_it_are(bool later)
    {
        using HandlerRig rig = Rig(new PoisonedProcessor(later));
        rig.Receive(Repeat(Article, 2));
        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 2 }));

        rig.Receive(Article);
        rig.Receive(PoisonedProcessor.Poison);
        rig.RunLoopUntil(() => _events.Count > 0);

        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 3 }), "the final number, although the interval has not passed");
        rig.Receive(Article);
        Assert.That(_counters.PacketsProcessed, Is.EqualTo(3));
    }

    [Test]
    public void Failure_waits_for_the_packets_before_it()
    {
        var processor = new GatedProcessor();
        using HandlerRig rig = Rig(processor);
        rig.Receive(Repeat(Article, 4));
        rig.Receive(Article);
        TaskCompletionSource[] gates = processor.TakeGates();

        gates[1].SetException(new InvalidOperationException("disk full"));
        rig.RunLoopUntil(() => _counters.PacketsDropped == 1);
        Assert.That(_events, Is.Empty);
        gates[0].SetResult();
        rig.RunLoopUntil(() => _events.Count > 0);

        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 4 }));
    }

    [Test]
    public void Final_number_comes_before_the_FIN()
    {
        using HandlerRig rig = Rig();
        rig.Receive(Article);
        rig.Receive(Glue(Repeat(Article, 9), "X"u8.ToArray()));

        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 1, 10 }));
        Assert.That(_events, Is.EqualTo(new[] { "FIN" }));
        Assert.That(rig.Channel.Open, Is.True, "lingering");
    }

    [Test]
    public void Connection_without_a_packet_done_closes_without_an_acknowledgement()
    {
        using HandlerRig rig = Rig();

        rig.Receive("X"u8.ToArray());
        rig.Channel.RunPendingTasks();

        Assert.That(rig.TakeSent(), Is.Empty);
        Assert.That(_counters.Closed(CloseReason.InvalidPrefix), Is.EqualTo(1));
    }

    [Test]
    public void Acknowledgement_comes_behind_the_replies_of_its_turn()
    {
        using HandlerRig rig = Rig(new EchoProcessor());

        rig.Receive(Repeat(Article, 2));

        Assert.That(rig.TakeSent().Select(sent => sent.Length), Is.EqualTo(new[] { 64, 15 }));
    }

    [Test]
    public void Interval_of_zero_acknowledges_every_turn()
    {
        LoopState loop = HandlerRig.NewLoop(
            _counters, acknowledger: new Acknowledger(HeaderLayout.Default, AckLevel.Processed, TimeSpan.Zero, _time));
        using HandlerRig rig = HandlerRig.WholePipeline(new CountingProcessor(1), loop: loop);

        rig.Receive(Article);
        rig.Receive(Article);

        Assert.That(TakeNumbers(rig), Is.EqualTo(new[] { 1, 2 }));
    }

    private HandlerRig Rig(IPacketProcessor? processor = null, DotNetty.Transport.Channels.Embedded.EmbeddedChannel? channel = null) =>
        HandlerRig.WholePipeline(processor ?? new CountingProcessor(1), loop: _loop, channel: channel);

    private void Pass(int milliseconds)
    {
        _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        _acks.EndIntervals();
    }

    private static long[] TakeNumbers(HandlerRig rig)
    {
        rig.Channel.RunPendingTasks();
        return Acknowledgements(Glue(rig.TakeSent()));
    }
}
