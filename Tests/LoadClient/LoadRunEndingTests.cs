using System.Net;
using System.Net.Sockets;

namespace DotNettyFraming.Tests.LoadClient;

/// <summary>Whole runs against servers that refuse or end connections.</summary>
[CancelAfter(60_000)]
public sealed class LoadRunEndingTests
{
    [Test]
    public async Task Server_that_is_not_there_is_one_line_and_exit_code_1()
    {
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // not listening, so it refuses

        ClientRun run = await ClientRun.AgainstAsync(((IPEndPoint)bound.LocalEndPoint!).Port, "--connections 20 --duration 1s");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.Match(
            @"\Ano connection could be made to 127\.0\.0\.1:\d+: 20 attempts failed \(20 ConnectionRefused\)\r?\n\z"));
        Assert.That(run.Number("connections.requested"), Is.EqualTo(20));
        Assert.That(run.Number("connections.failed"), Is.EqualTo(20));
        Assert.That(run.Number("connections.connected"), Is.Zero);
    }

    [Test]
    public async Task Connections_that_the_server_ends_are_counted_by_reason_and_the_others_go_on()
    {
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            if (connection.Number < 3)
            {
                connection.Socket.Shutdown(SocketShutdown.Send);
            }
            else if (connection.Number < 5)
            {
                connection.Reset();
                return;
            }

            try
            {
                await connection.ReadToEndAsync();
            }
            catch (SocketException)
            {
                // The client closes on this FIN, perhaps with an unsent write.
            }
        });

        ClientRun run = await ClientRun.AgainstAsync(server.Port, "--connections 10 --duration 500ms");

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(run.Number("connections.closedByServer"), Is.EqualTo(5));
        Assert.That(run.Number("connections.ended.ClosedByServer"), Is.EqualTo(3));
        Assert.That(run.Number("connections.ended.ResetByServer"), Is.EqualTo(2));
        Assert.That(run.Number("connections.ended.Completed"), Is.EqualTo(5));
        Assert.That(run.Output, Does.Contain("3 closed by the server, 2 reset by the server"));
    }

    [Test]
    public async Task Server_that_resets_every_connection_ends_the_run_with_exit_code_4()
    {
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            connection.Reset();
        });

        ClientRun run = await ClientRun.AgainstAsync(server.Port, "--connections 5 --duration 1h");

        Assert.That(run.ExitCode, Is.EqualTo(4));
        Assert.That(run.Number("connections.connected"), Is.EqualTo(5));
        Assert.That(run.Number("connections.ended.ResetByServer"), Is.EqualTo(5));
        Assert.That(run.Error, Does.Contain("the connections ended before the run did"));
    }

    [Test]
    public async Task Server_that_closes_at_random_is_accounted_for()
    {
        var random = new Random(1);
        await using var server = new StandInServer(async connection =>
        {
            int reads;
            bool resets;
            lock (random)
            {
                (reads, resets) = (random.Next(1, 30), random.Next(2) == 0);
            }

            while (reads-- > 0 && await connection.ReadAsync() > 0)
            {
            }

            if (resets)
            {
                connection.Reset();
            }
            else
            {
                connection.Socket.Dispose();
            }
        });

        ClientRun run = await ClientRun.AgainstAsync(server.Port, "--connections 50 --duration 10s --packets-per-write 100");

        Assert.That(run.ExitCode, Is.EqualTo(4), "no connection was left before the end");
        Assert.That(run.Error, Does.StartWith("the connections ended before the run did"));
        Assert.That(run.Number("connections.closedByServer"), Is.EqualTo(50));
        Assert.That(run.Number("seconds"), Is.LessThan(10));
        Assert.That(run.Number("bytes.sent"), Is.GreaterThanOrEqualTo(server.Connections.Sum(connection => connection.Received.Length)));
    }
}
