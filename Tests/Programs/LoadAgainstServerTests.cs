using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>The load client against the server: the server processes every packet sent.</summary>
[CancelAfter(120_000)]
public sealed class LoadAgainstServerTests
{
    [TestCase(100, 100_000, 1)]
    [TestCase(100, 3_000_001, 1000, Category = "Slow")]
    [TestCase(1, 10_000, 64, Category = "Slow")]
    public async Task Every_packet_sent_is_processed(int connections, int packets, int packetsPerWrite)
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync();
        using ProgramRun server = run;

        JsonElement report = await LoadAsync(
            endpoint, "--connections", $"{connections}", "--packets", $"{packets}", "--packets-per-write", $"{packetsPerWrite}");
        Dictionary<string, long> counters = await server.StopAsync();

        Assert.Multiple(() =>
        {
            Assert.That(report.GetProperty("packets").GetProperty("sent").GetInt64(), Is.EqualTo(packets));
            Assert.That(counters["packets.processed"], Is.EqualTo(packets));
            Assert.That(counters["bytes.payload"], Is.EqualTo(25L * packets));
            Assert.That(counters["connections.closed.PeerClosed"], Is.EqualTo(connections));
        });
    }

    // FAULTS 14.
    [Test]
    [Category("Slow")]
    public async Task Ten_thousand_connections_connect_and_send()
    {
        Machine.RequireConnections(10_000);
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync();
        using ProgramRun server = run;

        JsonElement report = await LoadAsync(endpoint, "--connections", "10000", "--duration", "2s");
        Dictionary<string, long> counters = await server.StopAsync();

        JsonElement connections = report.GetProperty("connections");
        Assert.Multiple(() =>
        {
            Assert.That(connections.GetProperty("requested").GetInt64(), Is.EqualTo(10_000));
            Assert.That(connections.GetProperty("connected").GetInt64(), Is.EqualTo(10_000));
            Assert.That(connections.GetProperty("failed").GetInt64(), Is.Zero);
            Assert.That(connections.GetProperty("closedByServer").GetInt64(), Is.Zero);
            Assert.That(counters["packets.processed"], Is.EqualTo(report.GetProperty("packets").GetProperty("sent").GetInt64()));
            Assert.That(counters["packets.processed"], Is.GreaterThan(10_000));
        });
    }

    [Test]
    [Category("Slow")]
    public async Task Killed_server_leaves_a_full_report_and_exit_code_4()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync("--report-every", "1000");
        using ProgramRun server = run;
        using ProgramRun client = ProgramRun.Start(
            "LoadClient", ["--port", $"{endpoint.Port}", "--connections", "50", "--duration", "1m", "--log-directory", "none"]);
        await server.LineAsync("processed ");

        server.Kill();

        Assert.That(await client.ExitAsync(), Is.EqualTo(4));
        Assert.That(client.Errors, Has.One.StartsWith("the connections ended before the run did, with "));
        Assert.That(client.Output, Has.One.Matches("^connections ended  .*(closed|reset) by the server"));
        Assert.That(client.Output, Has.One.Matches("^packets sent +[1-9][0-9]{3,} in "));
    }

    [Test]
    [Category("Slow")]
    public async Task Interrupt_ends_the_run_early_with_the_full_report()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync("--report-every", "1000");
        using ProgramRun server = run;
        using ProgramRun client = ProgramRun.Start(
            "LoadClient",
                ["--port", $"{endpoint.Port}", "--connections", "50", "--rate", "10000", "--duration", "1m", "--log-directory", "none"]);
        await server.LineAsync("processed ");

        client.Signal(PosixSignal.SIGINT);

        Assert.That(await client.ExitAsync(), Is.Zero, () => client.Everything());
        string sent = client.Output.Single(line => line.StartsWith("packets sent", StringComparison.Ordinal));
        Dictionary<string, long> counters = await server.StopAsync();
        Assert.That(sent, Does.StartWith($"packets sent       {counters["packets.processed"]} in "));
    }

    [Test]
    [Category("Slow")]
    public async Task Unknown_variable_of_the_client_is_a_warning()
    {
        using ProgramRun client = ProgramRun.Start(
            "LoadClient",
            ["--port", "1", "--connections", "1", "--packets", "1", "--log-directory", "none"],
            ("FRAMING_LOAD_PROT", "1"));

        Assert.That(await client.ExitAsync(), Is.EqualTo(1), "port 1 refuses connections");
        Assert.That(client.Output, Has.One.Contains("WARN").And.One.Contains("FRAMING_LOAD_PROT"));
        Assert.That(client.Errors, Has.None.Contains("FRAMING_LOAD_PROT"));
    }

    private static async Task<JsonElement> LoadAsync(IPEndPoint server, params string[] arguments)
    {
        string json = Path.GetTempFileName();
        try
        {
            using ProgramRun client = ProgramRun.Start(
                "LoadClient", ["--port", $"{server.Port}", "--json", json, "--log-directory", "none", .. arguments]);
            Assert.That(await client.ExitAsync(), Is.Zero, client.Everything);
            return JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement;
        }
        finally
        {
            File.Delete(json);
        }
    }
}
