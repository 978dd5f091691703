using System.Text;
using static DotNettyFraming.Tests.LoadClient.Acknowledging.AckServer;

namespace DotNettyFraming.Tests.LoadClient;

/// <summary>The bytes that arrive with <c>--serial</c> and <c>--raw</c>.</summary>
[TestFixture("epoll")]
[TestFixture("sockets")]
[CancelAfter(60_000)]
public sealed class SerialRunTests(string transport)
{
    [TestCase("")]
    [TestCase("--packets-per-write 3")]
    [TestCase("--packets-per-write 1000")] // a write of several pieces
    [TestCase("--payload-bytes 16-2000 --packets-per-write 5")]
    [TestCase("--payload-bytes 60000 --packets-per-write 2")] // a packet of several pieces
    [TestCase("--split random --payload-bytes 16-80")]
    [TestCase("--split bytes --payload-bytes 16-20")]
    public async Task Payloads_start_with_connection_and_packet_number(string shape)
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd);

        ClientRun run = await RunAsync(server, $"--serial --connections 2 --packets 101 {shape}");
        await server.ServedAllAsync();

        Assert.That((run.ExitCode, run.Number("packets.sent")), Is.EqualTo((0, 101)));
        Assert.That(
            server.Connections.SelectMany(Payloads).Select(Serial).Order(),
            Is.EqualTo(Enumerable.Range(0, 51).Select(i => (0ul, (ulong)i)).Concat(Enumerable.Range(0, 50).Select(i => (1ul, (ulong)i)))));
    }

    [Test]
    public async Task Rest_of_the_payload_is_the_text()
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd);

        await RunAsync(server, "--serial --connections 1 --packets 1");
        await server.ServedAllAsync();

        Assert.That(Encoding.UTF8.GetString(Payloads(server.Connections.Single()).Single().AsSpan(16)), Is.EqualTo("234512345"));
    }

    [Test]
    public async Task Slow_server_gets_every_packet_in_order()
    {
        await using var server = new StandInServer(
            async connection =>
            {
                await Task.Delay(200, connection.Stopped); // until the kernel's buffers are full
                await connection.ReadToEndAsync();
            },
            receiveBufferBytes: 4096);

        await RunAsync(server, "--serial --connections 1 --packets 100000 --packets-per-write 100");
        await server.ServedAllAsync();

        Assert.That(
            Payloads(server.Connections.Single()).Select(payload => Serial(payload).Packet),
            Is.EqualTo(Enumerable.Range(0, 100_000).Select(i => (ulong)i)));
    }

    [Test]
    public async Task Raw_file_is_sent_unchanged()
    {
        string file = Path.GetTempFileName();
        try
        {
            byte[] packet = [0, 1, 2, 0xFF, (byte)'\n', 3];
            await File.WriteAllBytesAsync(file, packet);
            await using var server = new StandInServer(StandInServer.ReadToEnd);

            ClientRun run = await RunAsync(server, $"--raw {file} --connections 1 --packets 7 --packets-per-write 3");
            await server.ServedAllAsync();

            Assert.That((run.ExitCode, run.Number("packets.sent"), run.Number("bytes.sent")), Is.EqualTo((0, 7, 42)));
            Assert.That(server.Connections.Single().Received, Is.EqualTo(Enumerable.Repeat(packet, 7).SelectMany(bytes => bytes)));
            Assert.That(run.Output, Does.Contain($"packets from {file}, 3 per write"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public async Task Raw_file_that_is_missing_or_empty_is_exit_code_1()
    {
        string file = Path.GetTempFileName();
        ClientRun empty = await ClientRun.WithAsync($"--raw {file}");
        File.Delete(file);
        ClientRun missing = await ClientRun.WithAsync($"--raw {file}");

        Assert.That((empty.ExitCode, missing.ExitCode), Is.EqualTo((1, 1)));
        Assert.That(empty.Error, Is.EqualTo($"--raw: '{file}' gives writes of 0 bytes (1 to 16777216 are possible)\n"));
        Assert.That(missing.Error, Does.StartWith($"--raw: '{file}' cannot be read: ").And.EndsWith("\n"));
    }

    [TestCase("--serial --payload-bytes 15", "--serial: needs a payload of at least 16 bytes")]
    [TestCase("--serial --payload-bytes 0-100", "--serial: needs a payload of at least 16 bytes")]
    [TestCase("--ack-log file", "--ack-log: needs --ack")]
    [TestCase("--raw file --payload text", "--raw: excludes --payload")]
    [TestCase("--raw file --payload-bytes 3", "--raw: excludes --payload-bytes")]
    [TestCase("--raw file --serial", "--raw: excludes --serial")]
    [TestCase("--raw file --split header", "--raw: excludes --split header: the file's header is unknown")]
    public async Task Conflicts_are_usage_errors(string arguments, string fault)
    {
        ClientRun run = await ClientRun.WithAsync(arguments);

        Assert.That((run.ExitCode, run.Error), Is.EqualTo((2, $"{fault}\n")));
    }

    private Task<ClientRun> RunAsync(StandInServer server, string arguments) =>
        ClientRun.AgainstAsync(server.Port, $"--transport {transport} {arguments}");
}
