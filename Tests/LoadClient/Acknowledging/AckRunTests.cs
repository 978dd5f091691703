using System.Text.Json;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.LoadClient.Acknowledging.AckServer;

namespace DotNettyFraming.Tests.LoadClient.Acknowledging;

/// <summary><c>--ack</c> against servers that acknowledge well, wrongly or not at all.</summary>
[TestFixture("epoll")]
[TestFixture("sockets")]
[CancelAfter(60_000)]
public sealed class AckRunTests(string transport)
{
    [Test]
    public async Task All_packets_are_acknowledged_with_their_latency()
    {
        await using var server = new StandInServer(AcknowledgeAll);

        ClientRun run = await RunAsync(server, "--ack --connections 4 --packets 1000");

        Assert.That((run.ExitCode, run.Error), Is.EqualTo((0, "")));
        Assert.That(run.Number("packets.acknowledged"), Is.EqualTo(1000));
        Assert.That(run.Number("packets.unacknowledged"), Is.Zero);
        Assert.That(run.Number("latencyMicroseconds.acknowledgement.count"), Is.EqualTo(1000));
        Assert.That(run.Number("connections.ended.Completed"), Is.EqualTo(4));
        Assert.That(run.Output, Does.Contain("acknowledged       1000 packets, 0 not").And.Contain("ack latency        p50 "));
        Assert.That(AcknowledgedInSeries(run), Is.EqualTo(1000).Within(1));
    }

    [Test]
    public async Task Acknowledgements_after_our_FIN_are_read_until_the_servers_FIN()
    {
        await using var server = new StandInServer(async connection =>
        {
            while (await connection.ReadAsync() > 0)
            {
            }

            await connection.Socket.SendAsync(Ack(3));
            await connection.Socket.SendAsync(Ack((ulong)Packets(connection)));
            connection.Socket.Dispose();
        });

        ClientRun run = await RunAsync(server, "--ack --connections 2 --packets 20");

        Assert.That((run.ExitCode, run.Number("packets.acknowledged")), Is.EqualTo((0, 20)));
    }

    [Test]
    public async Task Acknowledgements_in_pieces_and_side_by_side_are_counted()
    {
        await using var server = new StandInServer(async connection =>
        {
            connection.Socket.NoDelay = true;
            while (await connection.ReadAsync() > 0)
            {
            }

            byte[] bytes = [.. Ack(1), .. Ack(2), .. Ack(2), .. Ack(7), .. Ack(10)];
            foreach (byte[] piece in (byte[][])[bytes[..1], bytes[1..16], bytes[16..50], bytes[50..74], bytes[74..]])
            {
                await connection.Socket.SendAsync(piece);
            }

            connection.Socket.Dispose();
        });

        ClientRun run = await RunAsync(server, "--ack --connections 1 --packets 10");

        Assert.That((run.ExitCode, run.Number("packets.acknowledged")), Is.EqualTo((0, 10)));
    }

    [Test]
    public async Task End_without_acknowledgement_leaves_packets_unacknowledged()
    {
        await using var server = new StandInServer(async connection =>
        {
            while (await connection.ReadAsync() > 0)
            {
            }

            await connection.Socket.SendAsync(Ack(4));
            connection.Socket.Dispose();
        });

        ClientRun run = await RunAsync(server, "--ack --connections 1 --packets 10");

        Assert.That((run.ExitCode, run.Error.Trim()), Is.EqualTo((0, "6 packets were not acknowledged")));
        Assert.That((run.Number("packets.acknowledged"), run.Number("packets.unacknowledged")), Is.EqualTo((4, 6)));
    }

    [TestCase(3ul, 2ul, "acknowledged 2 packets after 3")]
    [TestCase(5ul, 11ul, "acknowledged 11 packets of 10 sent")]
    [TestCase(5ul, ulong.MaxValue, "acknowledged 18446744073709551615 packets of 10 sent")]
    public async Task Wrong_acknowledgement_is_exit_code_3(ulong first, ulong second, string fault)
    {
        await using var server = new StandInServer(async connection =>
        {
            while (Packets(connection) < 10)
            {
                await connection.ReadAsync();
            }

            await connection.Socket.SendAsync(Ack(first));
            await connection.Socket.SendAsync(Ack(second));
            await connection.ReadToEndAsync();
        });

        ClientRun run = await RunAsync(server, "--ack --reconnect --connections 1 --packets 10");

        Assert.That(run.ExitCode, Is.EqualTo(3));
        Assert.That(run.Error, Does.StartWith($"1 connection had a wrong acknowledgement; the first: connection 0: {fault}\n"));
        Assert.That(run.Number("connections.ended.WrongAcknowledgement"), Is.EqualTo(1));
        Assert.That(run.Number("packets.acknowledged"), Is.EqualTo(first));
    }

    [Test]
    public async Task Bytes_that_are_no_packet_are_exit_code_3()
    {
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            await connection.Socket.SendAsync("HTTP/1.1 400"u8.ToArray());
            await connection.ReadToEndAsync();
        });

        ClientRun run = await RunAsync(server, "--ack --connections 1 --packets 10");

        Assert.That(run.ExitCode, Is.EqualTo(3));
        Assert.That(run.Error, Does.Contain("the server sent bytes that are no packet"));
    }

    [Test]
    public async Task Server_that_never_acknowledges_does_not_hold_the_run_after_a_signal()
    {
        await using var server = new StandInServer(async connection =>
        {
            while (await connection.ReadAsync() > 0)
            {
            }

            await Task.Delay(Timeout.Infinite, connection.Stopped);
        });
        using var stop = new CancellationTokenSource();
        Task<ClientRun> running = RunAsync(server, "--ack --connections 3 --packets 30", stop.Token);
        Eventually.That(() => server.Connections.Sum(Packets), Is.EqualTo(30));

        long stopped = Environment.TickCount64;
        await stop.CancelAsync();
        ClientRun run = await running;

        Assert.That(Environment.TickCount64 - stopped, Is.LessThan(10_000));
        Assert.That(run.Number("packets.unacknowledged"), Is.EqualTo(30));
        Assert.That(run.Number("connections.ended.CloseTimedOut"), Is.EqualTo(3));
    }

    [Test]
    public async Task Acknowledgement_latency_counts_from_the_due_time_at_a_rate()
    {
        // The first packets are acknowledged after the last: at 100 per second the first one has waited for about 0.2 s.
        await using var server = new StandInServer(async connection =>
        {
            while (Packets(connection) < 20)
            {
                await connection.ReadAsync();
            }

            await connection.Socket.SendAsync(Ack(20));
            await connection.ReadToEndAsync();
        });

        ClientRun run = await RunAsync(server, "--ack --connections 1 --packets 20 --rate 100");

        double max = run.Number("latencyMicroseconds.acknowledgement.max");
        Assert.That(max, Is.GreaterThan(189_000));
        Assert.That(run.Number("latencyMicroseconds.acknowledgement.p50"), Is.InRange(89_000, max - 90_000));
        Assert.That(run.Number("latencyMicroseconds.write.p50"), Is.LessThan(89_000));
    }

    [Test]
    public async Task Without_the_option_answers_are_ignored()
    {
        await using var server = new StandInServer(AcknowledgeAll);

        ClientRun run = await RunAsync(server, "--connections 1 --packets 10");

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(run.Json!.Value.GetProperty("latencyMicroseconds").TryGetProperty("acknowledgement", out _), Is.False);
    }

    private static double AcknowledgedInSeries(ClientRun run)
    {
        (double sum, double before) = (0, 0);
        foreach (JsonElement sample in run.Json!.Value.GetProperty("series").EnumerateArray())
        {
            double at = sample.GetProperty("atSeconds").GetDouble();
            sum += sample.GetProperty("acknowledgedPerSecond").GetDouble() * (at - before);
            before = at;
        }

        return sum;
    }

    private Task<ClientRun> RunAsync(StandInServer server, string arguments, CancellationToken stop = default) =>
        ClientRun.AgainstAsync(server.Port, $"--transport {transport} {arguments}", stop);
}
