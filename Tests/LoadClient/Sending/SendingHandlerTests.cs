using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.LoadClient.Sending;

/// <summary>The packet writer of one connection; <see cref="HeldWrites"/> takes the place of the kernel.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SendingHandlerTests
{
    private const uint StartTime = 1_700_000_000;

    private readonly FakeTimeProvider _clock = new(DateTimeOffset.FromUnixTimeSeconds(StartTime));
    private readonly HeldWrites _kernel = new();
    private readonly EmbeddedChannel _anyLoop = new();
    private LoadLoop _loop = null!;
    private SendingHandler _sender = null!;
    private EmbeddedChannel _channel = null!;

    [TearDown]
    public void Release()
    {
        _kernel.ReleaseAll();
        _channel.FinishAndReleaseAll();
        _anyLoop.FinishAndReleaseAll();
    }

    [Test]
    public void Connection_does_not_send_before_it_is_started()
    {
        Connect(packetsPerWrite: 1);

        Assert.That(_sender.IsWaiting, Is.True);
        Assert.That(_kernel.Writes, Is.Zero);
        Assert.That(_loop.Counters.Totals().Connected, Is.EqualTo(1));
    }

    [Test]
    public void Next_write_waits_until_the_last_is_taken()
    {
        Connect(packetsPerWrite: 2);
        Start(packets: 6);
        Assert.That(_kernel.Writes, Is.EqualTo(1));

        Assert.That(_loop.Counters.Totals().PacketsSent, Is.Zero);

        Take();
        Assert.That(_kernel.Writes, Is.EqualTo(2));
        Assert.That(_loop.Counters.Totals(), Has.Property("PacketsSent").EqualTo(2).And.Property("BytesSent").EqualTo(64));
    }

    [Test]
    public void Last_write_holds_the_rest_of_the_share()
    {
        Connect(packetsPerWrite: 4);
        Start(packets: 6);
        Take();
        Take();

        Assert.That(_kernel.Lengths, Is.EqualTo(new[] { 128, 64 }));
        Assert.That(_sender.IsBusy, Is.False);
        Assert.That(_loop.Counters.Totals().PacketsSent, Is.EqualTo(6));
    }

    [Test]
    public void Write_on_its_way_keeps_its_time_and_the_next_has_the_new_one()
    {
        Connect(packetsPerWrite: 2);
        Start(packets: 4);
        IByteBuffer underWay = _kernel.Last;
        _clock.Advance(TimeSpan.FromSeconds(1));
        // Another connection of the loop writes meanwhile, which stamps the packets with the new time.
        StampedPackets.Copy stamped = _loop.Packets.At(StartTime + 1);

        Assert.That(TimesOf(underWay), Is.All.EqualTo(StartTime));
        Take();
        Assert.That(TimesOf(_kernel.Last), Is.All.EqualTo(StartTime + 1));
        Assert.That(stamped.IsInFlight, Is.True, "both connections write from the same copy");
    }

    [Test]
    public void Taken_writes_yield_to_other_tasks_of_the_loop_after_a_while()
    {
        Connect(packetsPerWrite: 1, taking: true);
        int writesAtYield = -1;
        _sender.Start(packets: 3 * FullSpeedPacing.WritesPerRun);
        _anyLoop.EventLoop.Execute(() => writesAtYield = _kernel.Writes);
        RunTasks();

        Assert.That(writesAtYield, Is.EqualTo(FullSpeedPacing.WritesPerRun));
        Assert.That(_kernel.Writes, Is.EqualTo(3 * FullSpeedPacing.WritesPerRun));
    }

    [Test]
    public void Write_cut_by_a_reset_counts_the_packets_that_are_known_to_be_whole()
    {
        Connect(packetsPerWrite: 10);
        Start(packets: PacketShares.Endless);
        _kernel.Last.SkipBytes(3 * 32 + 5);
        _kernel.Fail(new SocketException((int)SocketError.ConnectionReset));
        _channel.CloseAsync();
        RunTasks();

        LoadTotals totals = _loop.Counters.Totals();
        Assert.That(totals.PacketsSent, Is.EqualTo(3));
        Assert.That(totals.BytesSent, Is.EqualTo(101));
        Assert.That(totals.PacketsUnconfirmed, Is.EqualTo(7));
        Assert.That(totals.Ended(ConnectionEnd.ResetByServer), Is.EqualTo(1));
        Assert.That(_sender.IsBusy, Is.False);
    }

    [Test]
    public void Finish_waits_for_the_write_on_its_way_and_then_closes()
    {
        Connect(packetsPerWrite: 1);
        Start(packets: PacketShares.Endless);
        _sender.Finish();
        RunTasks();
        Assert.That(_channel.Open, Is.True);

        Take();
        Assert.That(_channel.Open, Is.False);
        Assert.That(_kernel.Writes, Is.EqualTo(1));
        Assert.That(_loop.Counters.Totals().Ended(ConnectionEnd.Completed), Is.EqualTo(1));
    }

    [Test]
    public void Input_is_discarded()
    {
        Connect(packetsPerWrite: 1);
        IByteBuffer answer = Unpooled.CopiedBuffer(new byte[15]);

        Assert.That(_channel.WriteInbound(answer), Is.False);
        Assert.That(answer.ReferenceCount, Is.Zero);
    }

    private void Connect(int packetsPerWrite, bool taking = false)
    {
        _kernel.Taking = taking;
        var tape = new PacketTape(PayloadShape.Of(LoadOptions.DefaultPayload), packetsPerWrite, seed: 0);
        var transport = new LoadTransport(
            _anyLoop.EventLoop, _ => throw new InvalidOperationException("this test connects nothing"), channel => channel.CloseAsync());
        _loop = new LoadLoop(
            _anyLoop.EventLoop, transport, tls: null, new LoadOptions(), tape, _clock, NullLogger.Instance);
        _sender = new SendingHandler(_loop, number: 0);
        _channel = new EmbeddedChannel(_kernel, _sender);
    }

    private void Start(long packets)
    {
        _sender.Start(packets);
        RunTasks();
    }

    private void Take()
    {
        _kernel.Take();
        RunTasks();
    }

    /// <summary>Runs the tasks of both loops: the pacing's and the channel's own.</summary>
    private void RunTasks()
    {
        for (int i = 0; i < 5; i++)
        {
            _anyLoop.RunPendingTasks();
            _channel.RunPendingTasks();
        }
    }

    private static uint[] TimesOf(IByteBuffer packets)
    {
        byte[] bytes = new byte[packets.ReadableBytes];
        packets.GetBytes(packets.ReaderIndex, bytes);
        return [.. bytes.Chunk(32).Select(packet => PacketHeader.TryRead(packet, out PacketHeader header) ? header.Time : 0)];
    }
}
