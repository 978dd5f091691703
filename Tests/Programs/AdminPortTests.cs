using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>The admin port of the server as its users run it.</summary>
[CancelAfter(90_000)]
[Category("Slow")]
public sealed class AdminPortTests
{
    private static readonly HttpClient Http = new() { Timeout = Peer.Patience };

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

        Eventually.That(() => Number(Statistics(admin), "connections", "closed", "InvalidPrefix"), Is.EqualTo(1));
        JsonElement statistics = Statistics(admin);
        server.Signal(PosixSignal.SIGTERM);
        await server.ExitAsync();

        Assert.That(statistics.GetProperty("uptimeSeconds").GetInt64(), Is.InRange(0, 60));
        foreach ((string name, long value) in server.StoppedCounters())
        {
            Assert.That(Number(statistics, name.Split('.')), Is.EqualTo(value), name);
        }
    }

    [Test]
    public async Task Drain_is_told_while_it_lasts()
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync("--work", "1h", "--drain-timeout", "1h", "--report-every", "1");
        using ProgramRun server = run;
        Assert.That(await StatusAsync(new Uri(admin, "health/ready")), Is.EqualTo((HttpStatusCode.OK, "ready\n")));
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Article);
        Eventually.That(() => Number(Statistics(admin), "packets", "received"), Is.EqualTo(1));

        server.Signal(PosixSignal.SIGTERM);
        await server.LineAsync("stopping:");

        Assert.Multiple(() =>
        {
            Assert.That(() => StatusAsync(new Uri(admin, "health/ready")), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "draining\n")));
            Assert.That(() => StatusAsync(new Uri(admin, "health/live")), Is.EqualTo((HttpStatusCode.OK, "alive\n")));
            Assert.That(() => Number(Statistics(admin), "connections", "open"), Is.EqualTo(1));
        });
        await Task.Delay(200); // two wishes, not one
        server.Signal(PosixSignal.SIGTERM);
        Assert.That(await server.ExitAsync(), Is.EqualTo(130), server.Everything);
    }

    [Test]
    public async Task Start_says_where_it_is_before_it_is_ready_and_listening_on_only_once()
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

        using ProgramRun server = ProgramRun.Start("Server", ["--port", "0", "--log-directory", "none", "--admin", $"{other.LocalEndpoint}"]);

        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.That(server.Errors, Is.EqualTo(new[] { $"--admin {other.LocalEndpoint}: cannot listen: Address already in use" }));
        Assert.That(server.Output, Has.None.Contains("listening on"));
    }

    [Test]
    public async Task Data_port_in_use_ends_the_admin_port_too()
    {
        using var other = new TcpListener(IPAddress.IPv6Any, 0);
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
            Assert.That(Listeners(on.Id), Is.EqualTo(2), "this test can tell");
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
    public async Task Loopback_answers_to_its_own_names_only(string host, HttpStatusCode expected)
    {
        (ProgramRun run, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(admin, "api/stats"));
        request.Headers.Host = host;
        request.Headers.Add("Origin", $"http://{host}");

        using HttpResponseMessage response = await Http.SendAsync(request);

        Assert.That(response.StatusCode, Is.EqualTo(expected));
        Assert.That(response.Headers.Select(header => header.Key), Has.None.StartsWith("Access-Control"));
    }

    [Test]
    [Platform("Linux")]
    public async Task Environment_of_aspnet_images_changes_nothing_and_is_not_mentioned()
    {
        (ProgramRun server, _) = await ProgramRun.ListeningAsync(ProgramRun.Start(
            "Server",
            ["--port", "0", "--log-directory", "none", "--admin", "127.0.0.1:0"],
            ("ASPNETCORE_HTTP_PORTS", "8080"),
            ("DOTNET_URLS", "http://127.0.0.1:8081"),
            ("ASPNETCORE_Kestrel__Limits__MaxRequestLineSize", "1"),
            ("DOTNET_KESTREL__ENDPOINTS__A__URL", "http://127.0.0.1:8082")));
        using ProgramRun run = server;
        string line = await server.LineAsync(ProgramRun.AdminLine);
        var admin = new Uri(line[(line.IndexOf(ProgramRun.AdminLine, StringComparison.Ordinal) + ProgramRun.AdminLine.Length)..]);

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
        (ProgramRun run, _, Uri admin) = await ProgramRun.StartWithAdminAsync();
        using ProgramRun server = run;
        using Peer peer = await Peer.ConnectAsync(new IPEndPoint(IPAddress.Loopback, admin.Port));
        await peer.SendAsync(Encoding.Latin1.GetBytes(request));
        byte[] answer = new byte[expected.Length];
        using var timeout = new CancellationTokenSource(Peer.Patience);

        for (int read = 0; read < answer.Length;)
        {
            read += await peer.Socket.ReceiveAsync(answer.AsMemory(read), timeout.Token);
        }

        Assert.That(Encoding.Latin1.GetString(answer), Is.EqualTo(expected));
    }

    /// <summary>The statistics of a server, which is asked anew.</summary>
    private static JsonElement Statistics(Uri admin)
    {
        using Stream body = Http.Send(new HttpRequestMessage(HttpMethod.Get, new Uri(admin, "api/stats"))).Content.ReadAsStream();
        using var document = JsonDocument.Parse(body);
        return document.RootElement.Clone();
    }

    private static long Number(JsonElement json, params ReadOnlySpan<string> path)
    {
        foreach (string name in path)
        {
            json = json.GetProperty(name);
        }

        return json.GetInt64();
    }

    private static async Task<(HttpStatusCode Status, string Body)> StatusAsync(Uri url)
    {
        using HttpResponseMessage response = await Http.GetAsync(url);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>Sockets of a process that listen: those of its descriptors that the kernel's tables have in state 0A.</summary>
    private static int Listeners(int process)
    {
        string[] listening = [.. new[] { "tcp", "tcp6" }.SelectMany(table => File.ReadLines($"/proc/{process}/net/{table}").Skip(1))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields[3] == "0A").Select(fields => $"socket:[{fields[9]}]")];
        return Directory.GetFiles($"/proc/{process}/fd").Count(file => listening.Contains(new FileInfo(file).LinkTarget));
    }

    /// <summary>Files that a process has mapped: its assemblies among them.</summary>
    private static string[] Loaded(int process) => [.. File.ReadLines($"/proc/{process}/maps").Select(line => Path.GetFileName(line[(line.LastIndexOf(' ') + 1)..])).Distinct()];
}
