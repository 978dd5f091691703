using System.Net.Sockets;
using System.Text;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary><c>--address unix:/path</c>.</summary>
[CancelAfter(90_000)]
[Platform("Linux")]
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
[Category("Slow")]
public sealed class UnixSocketTests
{
    private string _directory = "";

    private string SocketPath => Path.Combine(_directory, "framing.sock");

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("framing").FullName;

    [TearDown]
    public void DeleteDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Packets_are_processed_and_the_file_is_deleted([Values("epoll", "sockets")] string transport)
    {
        using ProgramRun server = await StartAsync("--transport", transport, "--max-connections-per-ip", "1");
        Assert.That(File.GetUnixFileMode(SocketPath), Is.EqualTo((UnixFileMode)0b110_110_000), "0660");

        using Socket first = Connect();
        using Socket second = Connect();
        first.Send(Packets.Article);
        second.Send(Packets.Article);
        first.Shutdown(SocketShutdown.Send);
        Assert.That(first.Receive(new byte[1]), Is.Zero);
        Dictionary<string, long> counters = await server.StopAsync();

        Assert.That(counters["packets.processed"], Is.EqualTo(2));
        Assert.That(counters["connections.closed.TooManyFromAddress"], Is.Zero, "no limit per address");
        Assert.That(File.Exists(SocketPath), Is.False);
        Assert.That(server.Errors, Is.Empty);
    }

    [Test]
    public async Task Load_client_sends_over_a_Unix_socket([Values("epoll", "sockets")] string transport)
    {
        using ProgramRun server = await StartAsync();
        using ProgramRun client = ProgramRun.Start(
            "LoadClient",
            [
                "--host", $"unix:{SocketPath}", "--transport", transport, "--connections", "50", "--packets", "5000",
                "--log-directory", "none",
            ]);

        Assert.That(await client.ExitAsync(), Is.Zero, client.Everything);
        Assert.That(client.Everything(), Does.Contain($"unix:{SocketPath}"));
        Assert.That((await server.StopAsync())["packets.processed"], Is.EqualTo(5000));
    }

    [TestCase("unix:relative", "", "--host: is no absolute path")]
    [TestCase("unix:/x", "--source 127.0.0.1", "--source: has no meaning for a Unix socket")]
    [TestCase("unix:/x", "--tls", "--tls: needs a --host with a name or an address")]
    public async Task Load_client_with_a_conflict_is_one_line_and_exit_code_2(string host, string more, string fault)
    {
        string[] arguments = ["--host", host, .. more.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        using ProgramRun client = ProgramRun.Start("LoadClient", arguments);

        Assert.That(await client.ExitAsync(), Is.EqualTo(2), client.Everything);
        Assert.That(client.Errors.Single(), Does.StartWith(fault));
    }

    [Test]
    public async Task Stale_file_of_a_killed_server_is_replaced([Values("epoll", "sockets")] string transport)
    {
        using ProgramRun killed = await StartAsync("--transport", transport);
        killed.Kill();
        await killed.ExitAsync();
        Assert.That(File.Exists(SocketPath), Is.True);

        using ProgramRun server = await StartAsync("--transport", transport);
        using Socket peer = Connect();
        peer.Send(Packets.Article);

        Assert.That((await server.StopAsync())["packets.processed"], Is.EqualTo(1));
    }

    [Test]
    public async Task Regular_file_and_link_are_one_line_and_exit_code_1([Values] bool isLink)
    {
        string file = Path.Combine(_directory, "data");
        await File.WriteAllTextAsync(file, "kept");
        if (isLink)
        {
            File.CreateSymbolicLink(SocketPath, file);
        }
        else
        {
            File.Move(file, SocketPath);
        }

        Assert.That(
            await RefusalAsync(1, $"unix:{SocketPath}"),
            Is.EqualTo($"--address unix:{SocketPath}: cannot listen: a file exists there that is not a socket"));
        Assert.That(await File.ReadAllTextAsync(SocketPath), Is.EqualTo("kept"));
    }

    [Test]
    public async Task Socket_of_a_running_server_is_one_line_and_exit_code_1([Values] bool queueIsFull)
    {
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint(SocketPath));
        other.Listen(0);
        using Socket? waiting = queueIsFull ? Connect() : null;

        Assert.That(
            await RefusalAsync(1, $"unix:{SocketPath}"),
            Is.EqualTo($"--address unix:{SocketPath}: cannot listen: another process listens on it"));
        Assert.That(File.Exists(SocketPath), Is.True);
    }

    [Test]
    public async Task Path_above_107_bytes_is_one_line_and_exit_code_2()
    {
        string path = $"unix:/{new string('x', 107)}";

        Assert.That(await RefusalAsync(2, path), Does.StartWith("--address: ").And.EndsWith("is longer than 107 bytes after unix:"));
    }

    [Test]
    public async Task Missing_directory_is_one_line_and_exit_code_1([Values("epoll", "sockets")] string transport) =>
        Assert.That(
            await RefusalAsync(1, $"unix:{_directory}/missing/x", "--transport", transport),
            Does.StartWith($"--address unix:{_directory}/missing/x: cannot listen: "));

    [Test]
    public async Task Proxy_header_names_the_peer_of_a_Unix_socket()
    {
        using ProgramRun server = await StartAsync("--proxy-protocol", "required", "--report-every", "1");
        using Socket peer = Connect();

        peer.Send(Encoding.ASCII.GetBytes("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"));
        peer.Send(Packets.Article);
        await server.LineAsync("processed 1 packets");

        Assert.That((await server.StopAsync())["connections.closed.ProxyUntrusted"], Is.Zero);
    }

    [Test]
    public async Task Unix_socket_passed_by_a_service_manager_is_served_and_stays()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        listener.Listen();
        using var inherited = new DuplicatedDescriptor(listener);
        string script = $"exec 3<&{inherited.Number} {inherited.Number}<&-; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"";
        using ProgramRun server = ProgramRun.StartFile(
            "bash",
            [
                "-c", script, "bash", Repository.Program("Server"), "--log-directory", "none", "--tcp-keepalive", "1m",
                "--report-every", "1",
            ]);

        await server.LineAsync($"listening on unix:{SocketPath}");
        using Socket peer = Connect();
        peer.Send(Packets.Article);
        await server.LineAsync("processed 1 packets");
        await server.StopAsync();

        Assert.That(File.Exists(SocketPath), Is.True);
        Assert.That(server.Output, Has.None.Contains("WARN"));
    }

    private async Task<ProgramRun> StartAsync(params string[] arguments)
    {
        ProgramRun run = ProgramRun.Start("Server", ["--address", $"unix:{SocketPath}", "--log-directory", "none", .. arguments]);
        await run.LineAsync($"listening on unix:{SocketPath}");
        return run;
    }

    private static async Task<string> RefusalAsync(int exitCode, string address, params string[] arguments)
    {
        using ProgramRun run = ProgramRun.Start("Server", ["--address", address, "--log-directory", "none", .. arguments]);
        Assert.That(await run.ExitAsync(), Is.EqualTo(exitCode), run.Everything);
        return run.Errors.Single();
    }

    private Socket Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 10_000 };
        socket.Connect(new UnixDomainSocketEndPoint(SocketPath));
        return socket;
    }
}
