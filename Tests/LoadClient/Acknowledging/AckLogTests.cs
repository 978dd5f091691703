using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.LoadClient.Acknowledging.AckServer;

namespace DotNettyFraming.Tests.LoadClient.Acknowledging;

/// <summary><c>--ack-log</c>: one line per connection, after the run and after a signal.</summary>
[CancelAfter(60_000)]
public sealed class AckLogTests
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    [TearDown]
    public void Delete() => File.Delete(_file);

    [Test]
    public async Task Lines_have_connection_acknowledged_and_sent()
    {
        await using var server = new StandInServer(AcknowledgeAll);

        ClientRun run = await ClientRun.AgainstAsync(server.Port, $"--ack --ack-log {_file} --connections 3 --packets 10");

        Assert.That(run.ExitCode, Is.Zero);
        Assert.That(await File.ReadAllTextAsync(_file), Is.EqualTo("0 4 4\n1 3 3\n2 3 3\n"));
    }

    [Test]
    public async Task Packets_sent_again_count_once()
    {
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

        await ClientRun.AgainstAsync(server.Port, $"--ack --reconnect --ack-log {_file} --connections 1 --packets 10");

        Assert.That(await File.ReadAllTextAsync(_file), Is.EqualTo("0 10 10\n"));
    }

    [Test]
    public async Task Log_is_written_after_a_signal()
    {
        await using var server = new StandInServer(async connection =>
        {
            while (await connection.ReadAsync() > 0)
            {
                await connection.Socket.SendAsync(Ack((ulong)Math.Min(2, Packets(connection))));
            }

            await Task.Delay(Timeout.Infinite, connection.Stopped);
        });
        using var stop = new CancellationTokenSource();
        Task<ClientRun> running = ClientRun.AgainstAsync(
            server.Port, $"--ack --ack-log {_file} --connections 2 --rate 100 --duration 1h", stop.Token);
        Eventually.That(() => server.Connections.Count(connection => Packets(connection) > 5), Is.EqualTo(2));

        await stop.CancelAsync();
        ClientRun run = await running;

        string[] lines = await File.ReadAllLinesAsync(_file);
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines[0], Does.Match("^0 2 [0-9]+$"));
        Assert.That(lines.Sum(line => int.Parse(line.Split(' ')[2])), Is.EqualTo(run.Number("packets.sent")));
    }

    [Test]
    public async Task Connections_that_were_not_made_have_zeros()
    {
        using var none = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        none.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.IPv6Loopback, 0));
        int port = ((System.Net.IPEndPoint)none.LocalEndPoint!).Port;

        ClientRun run = await ClientRun.WithAsync($"--host ::1 --port {port} --ack --ack-log {_file} --connections 2 --packets 2");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(await File.ReadAllTextAsync(_file), Is.EqualTo("0 0 0\n1 0 0\n"));
    }
}
