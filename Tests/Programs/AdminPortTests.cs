using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>The admin port of the server program.</summary>
[CancelAfter(90_000)]
[Category("Slow")]
public sealed class AdminPortTests
{
    private static readonly HttpClient Http = new() { Timeout = Peer.Patience };

    private ProgramRun? _shared;
    private Uri _sharedAdmin = null!;

    /// <summary>Starts the server of the tests that only read.</summary>
    [OneTimeSetUp]
    public async Task Start_shared_server() => (_shared, _, _sharedAdmin) = await ProgramRun.StartWithAdminAsync();

    [OneTimeTearDown]
    public void Stop_shared_server() => _shared?.Dispose();

    [Test]
    public async Task Statistics_are_the_counters_under_their_names()
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        using (Peer peer = await Peer.ConnectAsync(endpoint))
        {
            await peer.SendAsync(Repeat(Article, 10));
            await peer.SendAsync("X"u8.ToArray());
            await peer.ClosedByServerAsync();
        }

        Eventually.That(() => AdminStatistics.Read(admin)["connections.closed.InvalidPrefix"], Is.EqualTo(1));
        var statistics = AdminStatistics.Read(admin);

        Assert.That(statistics["uptimeSeconds"], Is.InRange(0, 60));
        foreach ((string name, long value) in await server.StopAsync())
        {
            Assert.That(statistics[name], Is.EqualTo(value), name);
        }
    }

    [Test]
    public async Task Health_reports_draining_until_the_end()
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync(
            "--work", "1h", "--drain-timeout", "1h", "--report-every", "1");
        using ProgramRun server = run;
        Assert.That(await StatusAsync(new Uri(admin, "health/ready")), Is.EqualTo((HttpStatusCode.OK, "ready\n")));
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Article);
        Eventually.That(() => AdminStatistics.Read(admin)["packets.received"], Is.EqualTo(1));

        server.Signal(PosixSignal.SIGTERM);
        await server.LineAsync("stopping:");

        Assert.Multiple(() =>
        {
            Assert.That(() => StatusAsync(new Uri(admin, "health/ready")), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "draining\n")));
            Assert.That(() => StatusAsync(new Uri(admin, "health/live")), Is.EqualTo((HttpStatusCode.OK, "alive\n")));
            Assert.That(() => AdminStatistics.Read(admin)["connections.open"], Is.EqualTo(1));
        });
        await Task.Delay(200); // signals within 100 ms count as one
        server.Signal(PosixSignal.SIGTERM);
        Assert.That(await server.ExitAsync(), Is.EqualTo(130), server.Everything);
    }

    [Test]
    public async Task Admin_address_is_logged_before_the_one_line_of_readiness()
    {
        (ProgramRun run, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;

        string[] lines = [.. server.Output];
        Assert.That(admin.Host, Is.EqualTo("127.0.0.1"));
        Assert.That(admin.Port, Is.Not.Zero);
        Assert.That(lines.Count(line => line.Contains("listening on", StringComparison.OrdinalIgnoreCase)), Is.EqualTo(1));
        Assert.That(
            Array.FindIndex(lines, line => line.Contains("listening on", StringComparison.Ordinal)),
            Is.GreaterThan(Array.FindIndex(lines, line => line.Contains(ProgramRun.AdminLine, StringComparison.Ordinal))));
    }

    [Test]
    public async Task Admin_port_in_use_is_one_line_and_exit_code_1()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();

        using ProgramRun server = ProgramRun.Start(
            "Server", ["--port", "0", "--log-directory", "none", "--admin", $"{other.LocalEndpoint}"]);

        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.That(server.Errors, Is.EqualTo(new[] { $"--admin {other.LocalEndpoint}: cannot listen: Address already in use" }));
        Assert.That(server.Output, Has.None.Contains("listening on"));
    }

    [Test]
    public async Task Data_port_in_use_ends_a_server_with_an_admin_port()
    {
        using var other = new TcpListener(IPAddress.Any, 0);
        other.Start();
        int port = ((IPEndPoint)other.LocalEndpoint).Port;

        using ProgramRun server = ProgramRun.Start("Server", ["--port", $"{port}", "--log-directory", "none", "--admin", "127.0.0.1:0"]);

        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.That(server.Errors, Has.Count.EqualTo(1));
        Assert.That(server.Errors.Single(), Does.Contain($"--port {port}"));
    }

    [Test]
    [Platform("Linux")]
    public async Task Off_opens_no_other_listener_and_loads_no_Kestrel()
    {
        (ProgramRun run, _) = await ProgramRun.StartServerAsync("--admin", "off");
        using ProgramRun off = run;
        (ProgramRun other, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun on = other;
        await StatusAsync(new Uri(admin, "health/live"));

        Assert.Multiple(() =>
        {
            Assert.That(Listeners(off.Id), Is.EqualTo(1));
            Assert.That(Listeners(on.Id), Is.EqualTo(2), "the count finds an admin port");
            Assert.That(Loaded(off.Id), Has.None.Contains("Kestrel").And.None.Contains("OpenTelemetry").And.None.Contains("Routing"));
            Assert.That(Loaded(on.Id), Has.Some.Contains("Kestrel"));
            Assert.That(off.Output, Has.None.Contains(ProgramRun.AdminLine));
        });
    }

    [TestCase("localhost", HttpStatusCode.OK)]
    [TestCase("127.0.0.1:80", HttpStatusCode.OK)]
    [TestCase("[::1]", HttpStatusCode.OK)]
    [TestCase("evil.example", HttpStatusCode.BadRequest)]
    [TestCase("127.0.0.1.evil.example:9998", HttpStatusCode.BadRequest)]
    public async Task Loopback_answers_only_to_its_own_names(string host, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_sharedAdmin, "api/stats"));
        request.Headers.Host = host;
        request.Headers.Add("Origin", $"http://{host}");

        using HttpResponseMessage response = await Http.SendAsync(request);

        Assert.That(response.StatusCode, Is.EqualTo(expected));
        Assert.That(response.Headers.Select(header => header.Key), Has.None.StartsWith("Access-Control"));
    }

    [Test]
    [Platform("Linux")]
    public async Task Environment_of_ASP_NET_images_changes_nothing_and_is_not_logged()
    {
        (ProgramRun server, _) = await ProgramRun.ListeningAsync(ProgramRun.Start(
            "Server",
            ["--port", "0", "--log-directory", "none", "--admin", "127.0.0.1:0"],
            ("ASPNETCORE_HTTP_PORTS", "8080"),
            ("DOTNET_URLS", "http://127.0.0.1:8081"),
            ("ASPNETCORE_Kestrel__Limits__MaxRequestLineSize", "1"),
            ("DOTNET_KESTREL__ENDPOINTS__A__URL", "http://127.0.0.1:8082")));
        using ProgramRun run = server;
        Uri admin = await server.AdminAsync();

        Assert.That(await StatusAsync(new Uri(admin, "health/live")), Is.EqualTo((HttpStatusCode.OK, "alive\n")));
        Assert.That(Listeners(server.Id), Is.EqualTo(2));
        Assert.That(server.Output, Has.None.Contains(" WARN ").And.None.Contains("808"));
    }

    [TestCase("POST /api/stats HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ")]
    [TestCase("DELETE /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405 ")]
    [TestCase("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ")]
    [TestCase("HEAD /debug/pprof/heap HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405 ")]
    [TestCase("GET /metrics/more HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 ")]
    [TestCase("GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 ")]
    [TestCase("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 ")]
    [TestCase("&\u0019\0\u0080\r\n\r\n", "HTTP/1.1 400 ")]
    public async Task Other_requests_are_refused(string request, string expected)
    {
        using Peer peer = await Peer.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _sharedAdmin.Port));
        await peer.SendAsync(Encoding.Latin1.GetBytes(request));
        byte[] answer = new byte[expected.Length];
        using var timeout = new CancellationTokenSource(Peer.Patience);

        for (int read = 0; read < answer.Length;)
        {
            read += await peer.Socket.ReceiveAsync(answer.AsMemory(read), timeout.Token);
        }

        Assert.That(Encoding.Latin1.GetString(answer), Is.EqualTo(expected));
    }

    private static async Task<(HttpStatusCode Status, string Body)> StatusAsync(Uri url)
    {
        using HttpResponseMessage response = await Http.GetAsync(url);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>Counts a process's listening sockets: its descriptors in the kernel's tables with state 0A.</summary>
    private static int Listeners(int process)
    {
        string[] listening = [.. new[] { "tcp", "tcp6" }.SelectMany(table => File.ReadLines($"/proc/{process}/net/{table}").Skip(1))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields[3] == "0A").Select(fields => $"socket:[{fields[9]}]")];
        return Directory.GetFiles($"/proc/{process}/fd").Count(file => listening.Contains(new FileInfo(file).LinkTarget));
    }

    /// <summary>Returns the names of the files that a process has mapped, assemblies among them.</summary>
    private static string[] Loaded(int process) =>
        [.. File.ReadLines($"/proc/{process}/maps").Select(line => Path.GetFileName(line[(line.LastIndexOf(' ') + 1)..])).Distinct()];
}
