using System.Net;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary><c>--header</c> of both programs, and clients of other protocols against the server.</summary>
[CancelAfter(90_000)]
[Category("Slow")]
public sealed class HeaderLayoutProgramTests
{
    [TestCase("len:u32be", "--payload-bytes", "0-300")]
    [TestCase("78 78 len:u8+2 | 79 79 len:u16be+2", "--payload-bytes", "2-600")]
    [TestCase("skip:1 len:u32be-4", "--split", "random")]
    [TestCase("55 AA skip:1 len:u16be skip:4", "--ack", "--serial")]
    public async Task Load_client_and_server_agree_on_a_layout(string layout, string option, string more)
    {
        string[] ack = option == "--ack" ? ["--ack", "processed"] : [];
        (ProgramRun server, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync(["--header", layout, .. ack]);
        using ProgramRun run = server;
        using ProgramRun client = ProgramRun.Start(
            "LoadClient",
            [
                "--port", $"{endpoint.Port}", "--header", layout, option, more, "--connections", "20", "--packets", "4000",
                "--verify", $"{admin}", "--log-directory", "none",
            ]);

        Assert.That(await client.ExitAsync(), Is.Zero, client.Everything);
        Dictionary<string, long> counters = await server.StopAsync();

        Assert.That(counters["packets.processed"], Is.EqualTo(4000));
        Assert.That(counters["bytes.received"], Is.EqualTo(counters["bytes.header"] + counters["bytes.payload"]));
        Assert.That(counters["packets.acknowledged"], Is.EqualTo(option == "--ack" ? 4000 : 0));
    }

    [TestCase("Server", "--header", "26 len:u17", "--header: '26 len:u17' is wrong at token 2, 'len:u17'")]
    [TestCase("LoadClient", "--header", "26", "--header: '26' has no length")]
    [TestCase("Server", "--header|len:u8|--max-payload", "256", "--max-payload: is more than the length of --header can say (255)")]
    [TestCase("Server", "--header|len:u8&7|--ack", "processed", "--ack: needs a --header that can announce the 8 bytes")]
    [TestCase("LoadClient", "--header|len:u8|--payload-bytes", "256", "--payload: may have 256 bytes, which no header of --header")]
    [TestCase("LoadClient", "--header|len:u8|--abuse", "reset", "--abuse: needs the default --header")]
    public async Task Impossible_layout_is_one_line_and_exit_code_2(string program, string options, string value, string fault)
    {
        using ProgramRun run = ProgramRun.Start(program, [.. options.Split('|'), value, "--log-directory", "none"]);

        Assert.That(await run.ExitAsync(), Is.EqualTo(2), run.Everything);
        Assert.That(run.Errors.Single(), Does.StartWith(fault));
    }

    [Test]
    public async Task Query_of_dig_over_TCP_is_a_packet()
    {
        string dig = InstalledProgram.Find("dig", "bind9-dnsutils");
        (ProgramRun server, IPEndPoint endpoint) = await ProgramRun.StartServerAsync("--header", "len:u16be", "--report-every", "1");
        using ProgramRun run = server;
        using ProgramRun client = ProgramRun.StartFile(
            dig, ["@127.0.0.1", "-p", $"{endpoint.Port}", "+tcp", "+time=1", "+tries=1", "+noedns", "example.com"]);

        await server.LineAsync("processed 1 packets");
        await client.ExitAsync();
        Dictionary<string, long> counters = await server.StopAsync();

        // 12 bytes of header, 13 of the name, 4 of type and class; dig may try again.
        Assert.That(counters["bytes.payload"], Is.EqualTo(29 * counters["packets.processed"]));
        Assert.That(counters["connections.closed.InvalidPrefix"], Is.Zero);
    }

    [Test]
    public async Task Hello_of_openssl_is_a_packet_of_the_layout_of_TLS_records()
    {
        string openssl = InstalledProgram.Find("openssl", "openssl");
        (ProgramRun server, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            "--header", "skip:1 03 skip:1 len:u16be", "--report-every", "1");
        using ProgramRun run = server;
        using ProgramRun client = ProgramRun.StartFile(openssl, ["s_client", "-connect", $"127.0.0.1:{endpoint.Port}"]);

        await server.LineAsync("processed 1 packets");
        client.Kill();
        Dictionary<string, long> counters = await server.StopAsync();

        Assert.That(counters["packets.processed"], Is.EqualTo(1));
        Assert.That(counters["bytes.header"], Is.EqualTo(5));
        Assert.That(counters["bytes.payload"], Is.GreaterThan(200), "a ClientHello");
    }
}
