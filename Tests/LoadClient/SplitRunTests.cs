using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Sending;
using DotNettyFraming.Tests.LoadClient.Sending;
using Microsoft.Extensions.Logging.Abstractions;

namespace DotNettyFraming.Tests.LoadClient;

/// <summary><c>--split</c>: the same bytes in smaller writes.</summary>
[CancelAfter(60_000)]
public sealed class SplitRunTests
{
    [Test]
    public void Header_and_rest_are_writes_of_their_own()
    {
        Assert.That(PiecesOf(SplitMode.Header, packetsPerWrite: 2, packets: 4).Lengths, Is.EqualTo(new[] { 7, 25, 7, 25, 7, 25, 7, 25 }));
    }

    [Test]
    public void Empty_payload_leaves_a_header_alone()
    {
        Assert.That(
            PiecesOf(SplitMode.Header, packetsPerWrite: 2, packets: 3, PayloadShape.Of("", 0, 0)).Lengths, Is.EqualTo(new[] { 7, 7, 7 }));
    }

    [Test]
    public void Bytes_go_one_at_a_time()
    {
        HeldWrites pieces = PiecesOf(SplitMode.Bytes, packetsPerWrite: 3, packets: 3);

        Assert.That(pieces.Lengths, Has.Count.EqualTo(96).And.All.EqualTo(1));
        Assert.That(pieces.Bytes.Where((_, i) => i % 32 == 0), Is.All.EqualTo((byte)'&'));
    }

    [Test]
    public void Random_pieces_are_those_of_the_seed_and_the_connection()
    {
        List<int> pieces = PiecesOf(SplitMode.Random, 5, 500, seed: 7).Lengths;

        Assert.That(pieces.Sum(), Is.EqualTo(500 * 32));
        Assert.That(pieces, Is.All.InRange(1, 16));
        Assert.That(pieces.Distinct().Count(), Is.GreaterThan(10));
        Assert.That(PiecesOf(SplitMode.Random, 5, 500, seed: 7).Lengths, Is.EqualTo(pieces));
        Assert.That(PiecesOf(SplitMode.Random, 5, 500, seed: 8).Lengths, Is.Not.EqualTo(pieces));
        Assert.That(PiecesOf(SplitMode.Random, 5, 500, seed: 7, connection: 1).Lengths, Is.Not.EqualTo(pieces));
    }

    [Test]
    public void Packet_whose_pieces_go_out_over_the_turn_of_a_second_keeps_its_time()
    {
        HeldWrites split = PiecesOf(SplitMode.Bytes, packetsPerWrite: 1, packets: 2, secondTurnsAfter: 4);

        Assert.That(
            split.Bytes[3..7], Is.EqualTo(new byte[] { 0x00, 0xF1, 0x53, 0x65 }), "1,700,000,000, though half of it was sent later");
        Assert.That(split.Bytes[35..39], Is.EqualTo(new byte[] { 0x01, 0xF1, 0x53, 0x65 }));
    }

    [TestCase("header", 1)]
    [TestCase("header", 10)]
    [TestCase("bytes", 1)]
    [TestCase("random", 1)]
    [TestCase("random", 64)]
    public async Task Packets_arrive_whole_whatever_the_pieces(string mode, int packetsPerWrite)
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd);

        ClientRun run = await ClientRun.AgainstAsync(
            server.Port,
            $"--connections 3 --packets 1000 --packets-per-write {packetsPerWrite} --payload-bytes 0-200 --split {mode} --seed 5");
        await server.ServedAllAsync();

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(server.Connections.Sum(connection => LoadRunTests.LengthsOf(connection.Received).Count), Is.EqualTo(1000));
        Assert.That(run.Number("packets.sent"), Is.EqualTo(1000));
        Assert.That(run.Number("bytes.sent"), Is.EqualTo(server.Connections.Sum(connection => connection.Received.Length)));
    }

    private static HeldWrites PiecesOf(
        SplitMode mode,
        int packetsPerWrite,
        int packets,
        PayloadShape? payload = null,
        int seed = 0,
        int connection = 0,
        int? secondTurnsAfter = null)
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));
        var options = new LoadOptions { Split = mode, Seed = seed };
        var tape = new PacketTape(payload ?? PayloadShape.Of(LoadOptions.DefaultPayload), packetsPerWrite, seed: 0);
        var kernel = new HeldWrites { Taking = true };
        var anyLoop = new EmbeddedChannel();
        var transport = new LoadTransport(
            anyLoop.EventLoop, _ => throw new InvalidOperationException("this test connects nothing"), channel => channel.CloseAsync());
        var loop = new LoadLoop(anyLoop.EventLoop, transport, tls: null, options, tape, clock, NullLogger.Instance);
        var sender = new SendingHandler(loop, connection);
        var channel = new EmbeddedChannel(kernel, sender);
        if (secondTurnsAfter is int pieces)
        {
            kernel.AfterWrite = count =>
            {
                if (count == pieces)
                {
                    clock.Advance(TimeSpan.FromSeconds(1));
                    loop.Clock.Read();
                    loop.Packets.At(loop.Clock.UnixSecond); // as if another connection wrote
                }
            };
        }

        sender.Start(packets);
        anyLoop.RunPendingTasks();
        channel.RunPendingTasks();
        channel.FinishAndReleaseAll();
        anyLoop.FinishAndReleaseAll();
        return kernel;
    }
}
