using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.LoadClient;

/// <summary>Whole runs over real sockets, against a stand-in that keeps the bytes it received.</summary>
[CancelAfter(60_000)]
public sealed class LoadRunTests
{
    [TestCase(1, 1, 1)]
    [TestCase(1000, 7, 1)]
    [TestCase(1000, 7, 64)]
    [TestCase(5, 9, 3)] // more connections than packets
    [TestCase(20_001, 2, 1000)]
    public async Task Packets_in_total_arrive_exactly(int packets, int connections, int packetsPerWrite)
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd);

        ClientRun run = await ClientRun.AgainstAsync(
            server.Port, $"--connections {connections} --packets {packets} --packets-per-write {packetsPerWrite}");
        await server.ServedAllAsync();

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        int[] received = [.. server.Connections.Select(connection => CountArticlePackets(connection.Received)).Order()];
        Assert.That(received.Sum(), Is.EqualTo(packets));
        Assert.That(received, Has.Length.EqualTo(connections));
        Assert.That(received[^1] - received[0], Is.LessThanOrEqualTo(1), "the packets are shared evenly");
        Assert.That(run.Number("packets.sent"), Is.EqualTo(packets));
        Assert.That(run.Number("bytes.sent"), Is.EqualTo(packets * 32L));
        Assert.That(run.Number("packets.unconfirmed"), Is.Zero);
    }

    [Test]
    public async Task Lengths_in_a_range_arrive_whole_and_are_those_of_the_seed()
    {
        byte[][][] runs = new byte[2][][];
        for (int i = 0; i < runs.Length; i++)
        {
            await using var server = new StandInServer(StandInServer.ReadToEnd);
            ClientRun run = await ClientRun.AgainstAsync(
                server.Port, "--connections 3 --packets 3000 --packets-per-write 7 --payload-bytes 0-300 --seed 42");
            await server.ServedAllAsync();
            Assert.That(run.ExitCode, Is.Zero, run.Error);
            runs[i] = [.. server.Connections.Select(connection => WithoutTimes(connection.Received))];
        }

        int total = runs[0].Sum(received => LengthsOf(received).Count);
        Assert.That(total, Is.EqualTo(3000));
        Assert.That(runs[0].SelectMany(LengthsOf).Max(), Is.GreaterThan(250).And.AtMost(300));
        // Connections may be accepted in another order, so they are compared as sets.
        Assert.That(runs[1], Is.EquivalentTo(runs[0]));
    }

    [Test]
    public async Task Duration_ends_the_run_and_what_was_counted_has_arrived()
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd);

        ClientRun run = await ClientRun.AgainstAsync(server.Port, "--connections 20 --duration 300ms --packets-per-write 10");
        await server.ServedAllAsync();

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        int received = server.Connections.Sum(connection => CountArticlePackets(connection.Received));
        Assert.That(run.Number("packets.sent"), Is.EqualTo(received).And.Positive);
        Assert.That(run.Number("seconds"), Is.InRange(0.3, 6.0));
        Assert.That(run.Number("packets.perSecond"), Is.EqualTo(received / run.Number("seconds")).Within(0.1).Percent);
        Assert.That(run.Number("connections.ended.Completed"), Is.EqualTo(20));
        Assert.That(run.Number("latencyMicroseconds.connect.max"), Is.Positive);
    }

    [Test]
    public async Task Ramp_up_sends_while_connecting()
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd);

        ClientRun run = await ClientRun.AgainstAsync(server.Port, "--connections 10 --ramp-up 20 --packets 1000");
        await server.ServedAllAsync();

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(server.Connections.Sum(connection => CountArticlePackets(connection.Received)), Is.EqualTo(1000));
        Assert.That(run.Number("connectSeconds"), Is.GreaterThan(0.4), "the tenth connection is due after 9/20 s");
    }

    [Test]
    [Category("Slow")]
    public async Task Server_that_never_reads_gets_no_more_than_one_write_queued_for_each_connection()
    {
        await using var server = new StandInServer(StandInServer.NeverRead, receiveBufferBytes: 4096);

        ClientRun run = await ClientRun.AgainstAsync(server.Port, "--connections 8 --duration 1s --packets-per-write 1000");

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(run.Number("connections.ended.FlushTimedOut"), Is.EqualTo(8));
        // The packets unconfirmed at the end are those held in memory: at most one write per connection.
        Assert.That(run.Number("packets.unconfirmed"), Is.InRange(1, 8 * 1000));
        Assert.That(run.Number("seconds"), Is.LessThan(3), "the flush's deadline is no sending time");
    }

    [Test]
    public async Task Connections_come_from_the_sources_in_turn([Values("epoll", "sockets")] string transport)
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd);

        ClientRun run = await ClientRun.AgainstAsync(
            server.Port, $"--transport {transport} --connections 6 --packets 6 --source 127.0.0.2,127.0.0.3");
        await server.ServedAllAsync();

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(
            server.Connections.Select(connection => connection.Remote.Address.ToString()).GroupBy(address => address)
                .ToDictionary(group => group.Key, group => group.Count()),
            Is.EquivalentTo(new Dictionary<string, int> { ["127.0.0.2"] = 3, ["127.0.0.3"] = 3 }));
    }

    [Test]
    public async Task Rate_sends_just_what_falls_into_the_duration()
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd);

        ClientRun run = await ClientRun.AgainstAsync(server.Port, "--connections 10 --rate 500 --duration 1s");
        await server.ServedAllAsync();

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(server.Connections.Sum(connection => CountArticlePackets(connection.Received)), Is.EqualTo(500));
        Assert.That(run.Number("packets.sent"), Is.EqualTo(500));
        Assert.That(run.Number("rate.asked"), Is.EqualTo(500));
        Assert.That(run.Number("rate.unsent"), Is.Zero);
        Assert.That(run.Number("latencyMicroseconds.write.count"), Is.EqualTo(500));
        Assert.That(run.Json!.Value.GetProperty("series").GetArrayLength(), Is.Positive);
    }

    [Test]
    public async Task Rate_is_that_of_the_packets_due_where_the_duration_ends_between_two()
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd);

        ClientRun run = await ClientRun.AgainstAsync(server.Port, "--connections 1 --rate 4 --duration 125ms");

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(run.Number("packets.sent"), Is.EqualTo(1));
        Assert.That(run.Number("rate.achieved"), Is.EqualTo(4.0).Within(0.001), "the packet has its quarter of a second");
        Assert.That(run.Number("seconds"), Is.EqualTo(0.25).Within(0.001));
        Assert.That(run.Output, Does.Contain("4.0 of 4 packets per second"));
    }

    [Test]
    [Category("Slow")]
    public async Task Rate_of_a_server_that_never_reads_is_said_not_to_be_kept()
    {
        await using var server = new StandInServer(StandInServer.NeverRead, receiveBufferBytes: 4096);

        ClientRun run = await ClientRun.AgainstAsync(
            server.Port, "--connections 2 --rate 2000000 --duration 500ms --packets-per-write 1000");

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(run.Error, Does.Match(@"\Athe rate was not kept: [0-9.]+ of 2000000 packets per second
?
\z"));
        Assert.That(run.Number("rate.unsent"), Is.Positive);
        Assert.That(run.Number("packets.sent") + run.Number("packets.unconfirmed") + run.Number("rate.unsent"), Is.EqualTo(1_000_000));
        Assert.That(run.Number("latencyMicroseconds.write.max"), Is.GreaterThan(4_000_000), "what was never taken waited to the end");
    }

    [Test]
    public async Task Stop_ends_the_run_early_with_the_full_report()
    {
        using var stop = new CancellationTokenSource();
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            await stop.CancelAsync();
            await connection.ReadToEndAsync();
        });

        ClientRun run = await ClientRun.AgainstAsync(server.Port, "--connections 4 --duration 1h", stop.Token);
        await server.ServedAllAsync();

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(
            run.Number("packets.sent"), Is.EqualTo(server.Connections.Sum(connection => CountArticlePackets(connection.Received))));
        Assert.That(run.Json!.Value.GetProperty("interrupted").GetBoolean(), Is.True);
    }

    /// <summary>Returns the number of packets; asserts that each is the article's, whole, and has a recent time.</summary>
    private static int CountArticlePackets(byte[] stream)
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        Assert.That(stream.Length % 32, Is.Zero);
        for (int at = 0; at < stream.Length; at += 32)
        {
            ReadOnlySpan<byte> packet = stream.AsSpan(at, 32);
            if (!PacketHeader.TryRead(packet, out PacketHeader header)
                || header.PayloadLength != 25
                || header.Time < now - 60 || header.Time > now + 1
                || !packet[7..].SequenceEqual("1234512345123451234512345"u8))
            {
                Assert.Fail($"no such packet at {at}: {Convert.ToHexString(packet)}");
            }
        }

        return stream.Length / 32;
    }

    /// <summary>Returns the payload lengths; asserts that the stream consists of whole packets.</summary>
    internal static List<int> LengthsOf(byte[] stream)
    {
        var lengths = new List<int>();
        for (int at = 0; at < stream.Length; at += 7 + lengths[^1])
        {
            Assert.That(PacketHeader.TryRead(stream.AsSpan(at), out PacketHeader header), Is.True);
            lengths.Add(header.PayloadLength);
        }

        return lengths;
    }

    private static byte[] WithoutTimes(byte[] stream)
    {
        byte[] copy = [.. stream];
        int at = 0;
        foreach (int length in LengthsOf(stream))
        {
            PacketHeader.WriteTime(copy.AsSpan(at), 0);
            at += 7 + length;
        }

        return copy;
    }
}
