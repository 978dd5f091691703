using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.LoadClient.Acknowledging.AckServer;

namespace DotNettyFraming.Tests.LoadClient.Acknowledging;

/// <summary><c>--reconnect</c>: connections that end are opened again, and unacknowledged packets are sent again.</summary>
[TestFixture("epoll")]
[TestFixture("sockets")]
[CancelAfter(90_000)]
public sealed class ReconnectTests(string transport)
{
    [Test]
    public async Task Unacknowledged_packets_are_sent_again_after_a_reset()
    {
        // The first three connections are reset after 5 acknowledged packets; the others stay open.
        await using var server = new StandInServer(async connection =>
        {
            if (connection.Number >= 3)
            {
                await AcknowledgeAll(connection);
                return;
            }

            while (Packets(connection) < 8)
            {
                await connection.ReadAsync();
            }

            await connection.Socket.SendAsync(Ack(5));
            await Task.Delay(50, connection.Stopped); // so that the client reads the acknowledgement before the reset
            connection.Reset();
        });

        ClientRun run = await RunAsync(server, "--ack --reconnect --serial --connections 1 --packets 100 --rate 200");

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That((run.Number("packets.sent"), run.Number("packets.acknowledged")), Is.EqualTo((100, 100)));
        Assert.That(run.Number("packets.resent"), Is.GreaterThanOrEqualTo(9));
        Assert.That((run.Number("connections.reconnected"), run.Number("connections.lost")), Is.EqualTo((3, 0)));
        Assert.That((run.Number("connections.connected"), run.Number("connections.closedByServer")), Is.EqualTo((1, 3)));
        Assert.That(server.Connections.Select(FirstPacket), Is.EqualTo(new ulong[] { 0, 5, 10, 15 }));
        Assert.That(AllPackets(server), Is.EqualTo(Enumerable.Range(0, 100).Select(i => (0ul, (ulong)i))));
    }

    [Test]
    public async Task Packets_of_different_lengths_are_the_same_when_sent_again()
    {
        await using var server = new StandInServer(async connection =>
        {
            if (connection.Number > 0)
            {
                await AcknowledgeAll(connection);
                return;
            }

            await connection.ReadAsync();
            connection.Reset();
        });

        ClientRun run = await RunAsync(
            server, "--ack --reconnect --serial --connections 1 --packets 500 --packets-per-write 7 --payload-bytes 16-900 --seed 5");

        Assert.That(run.ExitCode, Is.Zero);
        StandInServer.Connection[] connections = [.. server.Connections];
        List<byte[]> first = Payloads(connections[0]);
        Assert.That(first, Is.Not.Empty);
        Assert.That(Payloads(connections[1]).Take(first.Count), Is.EqualTo(first));
        Assert.That(Payloads(connections[1]), Has.Count.EqualTo(500));
    }

    [Test]
    public async Task Packets_of_a_connection_that_the_server_closes_at_the_end_are_sent_again()
    {
        // The first connection gets a FIN without an acknowledgement; a second one follows.
        await using var server = new StandInServer(async connection =>
        {
            if (connection.Number == 0)
            {
                await connection.ReadToEndAsync();
            }
            else
            {
                await AcknowledgeAll(connection);
            }
        });

        ClientRun run = await RunAsync(server, "--ack --reconnect --connections 1 --packets 50");

        Assert.That((run.ExitCode, run.Error), Is.EqualTo((0, "")));
        Assert.That(
            (run.Number("packets.sent"), run.Number("packets.resent"), run.Number("packets.acknowledged")), Is.EqualTo((50, 50, 50)));
    }

    [Test]
    public async Task Without_acknowledgements_sending_continues_with_the_next_packet()
    {
        await using var server = new StandInServer(async connection =>
        {
            if (connection.Number > 0)
            {
                await connection.ReadToEndAsync();
                return;
            }

            while (Packets(connection) < 10)
            {
                await connection.ReadAsync();
            }

            connection.Reset();
        });

        ClientRun run = await RunAsync(server, "--reconnect --serial --connections 1 --packets 60 --rate 200");

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That((run.Number("packets.sent"), run.Number("packets.resent")), Is.EqualTo((60, 0)));
        ulong[] second = [.. Payloads(server.Connections.Last()).Select(payload => Serial(payload).Packet)];
        Assert.That(second[^1], Is.EqualTo(59));
        Assert.That(second[0], Is.InRange(10, 30));
        Assert.That(second, Has.Length.EqualTo(60 - (int)second[0]), "without a gap");
    }

    [Test]
    public async Task Rate_is_kept_over_an_outage_and_the_latency_has_it()
    {
        await using var server = new StandInServer(async connection =>
        {
            if (connection.Number == 0)
            {
                await connection.ReadAsync();
                connection.Reset();
            }
            else
            {
                await AcknowledgeAll(connection);
            }
        });

        ClientRun run = await RunAsync(server, "--ack --reconnect --connections 1 --rate 500 --duration 1s");

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.Number("packets.sent"), Is.EqualTo(500));
        Assert.That(run.Number("packets.acknowledged"), Is.EqualTo(500));
        Assert.That(run.Number("rate.unsent"), Is.Zero);
        Assert.That(run.Number("latencyMicroseconds.acknowledgement.max"), Is.GreaterThan(45_000), "the shortest back-off is 50 ms");
    }

    [Test]
    [Category("Slow")]
    public async Task Connection_that_cannot_be_made_again_is_lost()
    {
        var server = new StandInServer(connection => connection.ReadAsync());
        Task<ClientRun> running = RunAsync(server, "--reconnect --connections 2 --rate 100 --duration 2s");
        Eventually.That(() => server.Connections.Count(connection => connection.Received.Length > 0), Is.EqualTo(2));
        await server.DisposeAsync();

        ClientRun run = await running;

        Assert.That((run.ExitCode, run.Number("connections.lost")), Is.EqualTo((4, 2)));
        Assert.That(run.Error, Does.Contain("2 connections could not be made again"));
    }

    [Test]
    [Category("Slow")]
    public async Task Attempts_slow_down_while_there_is_no_progress()
    {
        await using var server = new StandInServer(async connection =>
        {
            if (connection.Number == 0)
            {
                await connection.ReadAsync(); // a reset before the client has seen its first connection would be a failed connect
            }

            connection.Reset();
        });

        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        ClientRun run = await RunAsync(server, "--ack --reconnect --connections 1 --rate 10 --duration 1h", stop.Token);

        // After 100, 200, 400, 800 and 1,600 ms, each ± 50 %.
        Assert.That(server.Connections, Has.Count.InRange(3, 9));
        Assert.That(run.ExitCode, Is.EqualTo(4));
    }

    private static ulong FirstPacket(StandInServer.Connection connection) => Serial(Payloads(connection)[0]).Packet;

    private static IEnumerable<(ulong, ulong)> AllPackets(StandInServer server) =>
        server.Connections.SelectMany(Payloads).Select(Serial).Distinct().Order();

    private Task<ClientRun> RunAsync(StandInServer server, string arguments, CancellationToken stop = default) =>
        ClientRun.AgainstAsync(server.Port, $"--transport {transport} {arguments}", stop);
}
