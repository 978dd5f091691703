using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using DotNettyFraming.Server.Storage;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.Server.Storage;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 34 to 38 with the server as a child process: nothing acknowledged is ever missing from the store.</summary>
[Category("Slow")]
[CancelAfter(3_600_000)]
public sealed partial class StoreProgramTests
{
    [Test]
    public async Task Everything_acknowledged_survives_kill_9()
    {
        using var directory = new TemporaryDirectory();
        string store = Path.Combine(directory.Path, "store");
        string log = Path.Combine(directory.Path, "acknowledged");
        var random = new Random(1);
        int port = Machine.FreePort();
        ProgramRun server = await StartOnPortAsync();
        using ProgramRun client = ProgramRun.Start(
            "LoadClient",
            [
                "--port", $"{port}", "--connections", "20", "--rate", "3000", "--duration", "4h", "--serial", "--ack",
                "--reconnect", "--ack-log", log,
            ]);
        for (int kills = Scale.Of(gate: 10, full: 200); kills > 0; kills--)
        {
            using (server)
            {
                await server.LineAsync("processed ");
                await Task.Delay(random.Next(300)); // a random moment, not a wait for something
                server.Kill();
                await server.ExitAsync();
            }

            server = await StartOnPortAsync();
        }

        using (server)
        {
            await server.LineAsync("processed ");
            client.Signal(System.Runtime.InteropServices.PosixSignal.SIGINT);
            Assert.That(await client.ExitAsync(), Is.Zero, client.Everything);
            await server.StopAsync();
        }

        Dictionary<long, long> stored = await ReadSerialsAsync(store, Path.Combine(directory.Path, "exported"));
        long acknowledged = 0;
        foreach (long[] line in File.ReadLines(log).Select(line => line.Split(' ').Select(long.Parse).ToArray()))
        {
            Assert.That(stored.GetValueOrDefault(line[0]), Is.GreaterThanOrEqualTo(line[1]), $"connection {line[0]}");
            acknowledged += line[1];
        }

        TestContext.Out.WriteLine($"{acknowledged} packets acknowledged, {stored.Values.Sum()} stored");
        Assert.That(acknowledged, Is.Positive);
        Assert.That(StoreRig.Verify(store).Lines, Has.Exactly(1).Items);

        async Task<ProgramRun> StartOnPortAsync() => (await ProgramRun.ListeningAsync(ProgramRun.Start(
            "Server", [.. Options(store), "--port", $"{port}", "--report-every", "1"]))).Run;
    }

    [Test]
    public async Task Errors_of_write_and_fsync_end_the_server_and_ENOSPC_only_delays_it(
        [Values("fsync", "pwrite64")] string call, [Values("EIO", "ENOSPC")] string error)
    {
        for (int number = 1; number <= 20; number += Scale.Of(gate: 6, full: 1))
        {
            using var directory = new TemporaryDirectory(inMemory: true);
            string trace = Path.Combine(directory.Path, "trace");
            using ProgramRun server = StartUnderStrace(
                directory.Path, $"trace={call}", $"inject={call}:error={error}:when={number}", trace);
            string what = $"{error} of {call} number {number}";
            long acknowledged = 0;
            if (Listens(server))
            {
                var endpoint = new IPEndPoint(IPAddress.Loopback, Port(server));
                acknowledged = await SendUntilClosedAsync(endpoint, "0.0", most: 50, oneByOne: true);
                bool mayContinue = (call == "pwrite64" && error == "ENOSPC") || IsRepeatedOnDirectory(trace, directory.Path);
                Assert.That(acknowledged, mayContinue ? Is.EqualTo(50) : Is.LessThan(50), what);
                Assert.That(File.ReadLines(trace), Has.Some.EndsWith("(INJECTED)"), what);
                if (mayContinue)
                {
                    Assert.That((await server.StopAsync())["packets.processed"], Is.EqualTo(50), what);
                }
                else
                {
                    Assert.That(await server.ExitAsync(), Is.EqualTo(1), what);
                    Assert.That(server.Output.Count(line => line.Contains("ERROR")), Is.EqualTo(1), () => server.Everything());
                    Assert.That(server.StoppedCounters()["connections.closed.StoreFailed"], Is.EqualTo(1), what);
                }
            }
            else
            {
                Assert.That(await server.ExitAsync(), Is.EqualTo(1), what);
                Assert.That(server.Errors.Single(), Does.StartWith("--store: "), what);
            }

            using (new StoreRig(directory.Path, rules => rules with { Node = null }))
            {
                // Recovers it.
            }

            AssertStored(directory.Path, new Dictionary<string, long> { ["0.0"] = acknowledged });
        }
    }

    [Test]
    public async Task Used_up_quota_pauses_the_server_until_there_is_room()
    {
        using var directory = new TemporaryDirectory(inMemory: true);
        using ProgramRun server = StartUnderStrace(
            directory.Path, "trace=pwrite64", "inject=pwrite64:error=EDQUOT:when=30..32", "/dev/null", "--admin", "127.0.0.1:0");
        (_, IPEndPoint endpoint) = await ProgramRun.ListeningAsync(server);
        using var http = new HttpClient { BaseAddress = await server.AdminAsync() };
        Task<long> client = SendUntilClosedAsync(endpoint, "0.0", most: 50, oneByOne: true);

        await ReadyAsync(http, HttpStatusCode.ServiceUnavailable);
        await ReadyAsync(http, HttpStatusCode.OK);

        Assert.That(await client, Is.EqualTo(50));
        Assert.That((await server.StopAsync())["store.failures"], Is.EqualTo(3));
        Assert.That(server.Output.Single(line => line.Contains("cannot write for now")), Does.Contain("errno 122"));
        AssertStored(directory.Path, new Dictionary<string, long> { ["0.0"] = 50 });
    }

    [Test]
    public async Task Each_acknowledgement_leaves_after_the_fsync_of_its_commit()
    {
        using var directory = new TemporaryDirectory();
        string trace = Path.Combine(directory.Path, "trace");
        using ProgramRun server = StartUnderStrace(Path.Combine(directory.Path, "store"), "trace=fsync,sendto", null, trace);
        Assert.That(Listens(server), Is.True);
        Assert.That(File.ReadAllText(trace), Does.Match($@"fsync\([0-9]+<{directory.Path}>"), "the name of a new directory is durable");

        long acknowledged = await SendUntilClosedAsync(new IPEndPoint(IPAddress.Loopback, Port(server)), "0.0", most: 50, oneByOne: true);
        await server.StopAsync();

        Assert.That(acknowledged, Is.EqualTo(50));
        int acknowledgements = 0;
        bool synced = false;
        foreach (string line in File.ReadLines(trace))
        {
            if (line.Contains("-wal>") && line.Contains("fsync(") && line.EndsWith("= 0"))
            {
                synced = true;
            }
            else if (ResumedFsync().IsMatch(line))
            {
                synced = true;
            }
            else if (Acknowledgement().IsMatch(line))
            {
                Assert.That(synced, Is.True, $"number {acknowledgements}: {line}");
                acknowledgements++;
                synced = false; // one packet is on its way at a time, so each has a commit of its own
            }
        }

        Assert.That(acknowledgements, Is.GreaterThanOrEqualTo(50));
    }

    [Test]
    public async Task Full_disk_pauses_the_server_and_room_lets_it_continue()
    {
        using var directory = new TemporaryDirectory();
        Run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", directory.Path);
        try
        {
            string[] ballast = [.. Enumerable.Range(0, 3).Select(i => Path.Combine(directory.Path, $"ballast{i}"))];
            foreach (string file in ballast)
            {
                File.WriteAllBytes(file, new byte[14 << 20]);
            }

            string store = Path.Combine(directory.Path, "store");
            (ProgramRun server, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync(
                "--address", "127.0.0.1", "--store", store, "--ack", "stored");
            using (server)
            {
                using var http = new HttpClient { BaseAddress = admin };
                using var stop = new CancellationTokenSource();
                Task<long> client = Task.Run(() => SendUntilClosedAsync(endpoint, "0.0", stop: stop.Token, payloadBytes: 20_000));
                foreach (string file in ballast)
                {
                    await ReadyAsync(http, HttpStatusCode.ServiceUnavailable);
                    File.Delete(file);
                    await ReadyAsync(http, HttpStatusCode.OK);
                }

                await ReadyAsync(http, HttpStatusCode.ServiceUnavailable); // full for the last time
                Eventually.That(() => server.Output.Count(line => line.Contains("cannot write for now")), Is.EqualTo(4));
                await stop.CancelAsync();
                long acknowledged = await client;
                server.Kill();
                AssertStored(store, new Dictionary<string, long> { ["0.0"] = acknowledged });
            }
        }
        finally
        {
            Run("umount", directory.Path);
        }
    }

    [Test]
    public async Task Second_server_and_another_node_are_refused_with_one_line()
    {
        using var directory = new TemporaryDirectory();
        (ProgramRun server, _) = await StartAsync(directory.Path, "--node", "first");
        using (server)
        {
            await RefusedAsync("is in use by another process");
            await server.StopAsync();
        }

        await RefusedAsync("belongs to node 'first', not to 'second'", "--node", "second");

        async Task RefusedAsync(string reason, params string[] options)
        {
            using ProgramRun second = ProgramRun.Start(
                "Server", ["--port", "0", "--log-directory", "none", "--store", directory.Path, .. options]);
            Assert.That(await second.ExitAsync(), Is.EqualTo(1));
            Assert.That(second.Errors.Single(), Does.Contain(reason));
        }
    }

    [Test]
    public async Task Export_and_verify_work_next_to_the_server()
    {
        using var directory = new TemporaryDirectory();
        (ProgramRun server, IPEndPoint endpoint) = await StartAsync(directory.Path);
        using (server)
        {
            Assert.That(await SendUntilClosedAsync(endpoint, "0.0", most: 3), Is.EqualTo(3));
            using ProgramRun export = ProgramRun.Start("Server", ["export", "--store", directory.Path, "--text", "--follow"]);
            await export.LineAsync("\"0.0/2\"");
            Assert.That(await SendUntilClosedAsync(endpoint, "0.1", most: 1), Is.EqualTo(1));
            await export.LineAsync("\"0.1/0\"");
            export.Signal(System.Runtime.InteropServices.PosixSignal.SIGINT);
            Assert.That(await export.ExitAsync(), Is.Zero);
            using ProgramRun verify = ProgramRun.Start("Server", ["verify", "--store", directory.Path]);
            Assert.That(await verify.ExitAsync(), Is.Zero);
            await verify.LineAsync(" 4 packets, ");
            await server.StopAsync();
        }

        using ProgramRun wrong = ProgramRun.Start("Server", ["export", "--since", "yesterday"]);
        Assert.That(await wrong.ExitAsync(), Is.EqualTo(2));
        Assert.That(wrong.Errors, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Lines_of_the_manual_with_jq_and_sqlite3_read_a_store()
    {
        InstalledProgram.Find("jq");
        InstalledProgram.Find("sqlite3");
        using var directory = new TemporaryDirectory();
        (ProgramRun server, IPEndPoint endpoint) = await StartAsync(directory.Path);
        using ProgramRun run = server;
        Assert.That(await SendUntilClosedAsync(endpoint, "0.0", most: 3), Is.EqualTo(3));

        var outputs = new List<string>();
        string manual = Path.Combine(Repository.Root, "docs", "operations.md");
        foreach (string line in File.ReadLines(manual).Where(line => line.Contains("| jq ") || line.StartsWith("sqlite3 ")))
        {
            string command = line.Replace("DotNettyFraming.Server", Repository.Program("Server")).Replace("DIR/NUMBER", "DIR/*")
                .Replace("DIR", directory.Path).Replace("192.0.2.1", "127.0.0.1").Replace("2026-11-28T20:00:00Z", "0");
            ToolRun shell = await ToolRun.RunAsync("bash", ["-o", "pipefail", "-c", command]);
            Assert.That((shell.ExitCode, shell.Errors), Is.EqualTo((0, "")), command);
            outputs.Add(shell.Output.Trim());
        }

        Assert.That(outputs, Has.Count.EqualTo(4));
        Assert.That(outputs[0], Is.EqualTo("0.0/0\n0.0/1\n0.0/2"));
        Assert.That(outputs[1], Does.Match("^3 127.0.0.1:[0-9]+ 20..-..-..T..:..$"));
        Assert.That(outputs[2], Does.Match(@"^0\|20..-..-.. ..:..:..\|[123]\|[0-9]+"));
        Assert.That(outputs[3], Does.Match(@"^[0-9]+\|127.0.0.1:[0-9]+$"));
    }

    /// <summary>Sends packets with serial texts, and returns the newest number acknowledged.</summary>
    private static async Task<long> SendUntilClosedAsync(
        IPEndPoint endpoint,
        string name,
        long most = long.MaxValue,
        SemaphoreSlim? answered = null,
        bool oneByOne = false,
        int payloadBytes = 0,
        CancellationToken stop = default)
    {
        const int AcknowledgementBytes = 15;
        using Peer peer = await Peer.ConnectAsync(endpoint);
        long acknowledged = 0;
        answered ??= new SemaphoreSlim(0);
        Task reading = ReadAsync();
        try
        {
            for (long i = 0; i < most && !reading.IsCompleted; i++)
            {
                stop.ThrowIfCancellationRequested();
                byte[] payload = Encoding.ASCII.GetBytes($"{name}/{i}".PadRight(payloadBytes));
                await peer.Socket.SendAsync(Of(payload), stop);
                if (oneByOne)
                {
                    Assert.That(await answered.WaitAsync(Peer.Patience, CancellationToken.None), Is.True);
                }
            }

            peer.Finish();
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The server is gone, or the test has seen enough.
            peer.Socket.Dispose();
        }

        await reading;
        return acknowledged;

        async Task ReadAsync()
        {
            byte[] packet = new byte[AcknowledgementBytes];
            try
            {
                for (int at = 0; await peer.Socket.ReceiveAsync(packet.AsMemory(at), CancellationToken.None) is > 0 and var read;)
                {
                    at = (at + read) % AcknowledgementBytes;
                    if (at == 0)
                    {
                        acknowledged = BinaryPrimitives.ReadInt64LittleEndian(packet.AsSpan(7));
                        answered.Release();
                    }
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The server is gone.
            }
            finally
            {
                answered.Release(); // a client that waits for an answer ends
            }
        }
    }

    /// <summary>Asserts that each connection's packets are stored from the first to the last acknowledged one, each once.</summary>
    private static void AssertStored(string directory, Dictionary<string, long> acknowledged)
    {
        StoreRig.AssertSerials(directory, acknowledged);
        Assert.That(StoreRig.Verify(directory).Lines, Has.Exactly(1).Items);
    }

    /// <summary>
    /// Exports a store of packets with serial numbers. A client's numbers have no gap, and repeat only on another connection of the server.
    /// </summary>
    /// <returns>The number of different packets per client connection.</returns>
    private static async Task<Dictionary<long, long>> ReadSerialsAsync(string store, string file)
    {
        await using (FileStream output = File.Create(file))
        {
            using var export = new ExportCommand(new ExportOptions { Directory = store }, output, TextWriter.Null);
            Assert.That(await export.RunAsync(CancellationToken.None), Is.Zero);
        }

        var ends = new Dictionary<long, long>();
        var next = new Dictionary<long, (long Client, long Number)>();
        await foreach (string line in File.ReadLinesAsync(file))
        {
            using var packet = JsonDocument.Parse(line);
            byte[] payload = packet.RootElement.GetProperty("payload").GetBytesFromBase64();
            (long client, long number) = (BitConverter.ToInt64(payload), BitConverter.ToInt64(payload, 8));
            long connection = packet.RootElement.GetProperty("connection").GetInt64();
            if (next.TryGetValue(connection, out (long, long) expected))
            {
                Assert.That((client, number), Is.EqualTo(expected), line);
            }

            long end = ends.GetValueOrDefault(client);
            Assert.That(number, Is.LessThanOrEqualTo(end), line);
            ends[client] = Math.Max(end, number + 1);
            next[connection] = (client, number + 1);
        }

        return ends;
    }

    private static string[] Options(string store) =>
    [
        "--address", "127.0.0.1", "--log-directory", "none", "--store", store, "--ack", "stored", "--ack-interval", "0",
    ];

    private static Task<(ProgramRun Run, IPEndPoint Endpoint)> StartAsync(string directory, params string[] options) =>
        ProgramRun.ListeningAsync(ProgramRun.Start("Server", [.. Options(directory), "--port", "0", .. options]));

    private static ProgramRun StartUnderStrace(string directory, string trace, string? inject, string output, params string[] options) =>
        ProgramRun.StartFile(
            InstalledProgram.Find("strace"),
            [
                "-D", "-f", "-y", "-qq", "--seccomp-bpf", "-s", "64", "-o", output, "-e", trace,
                .. inject is null ? [] : new[] { "-e", inject },
                Repository.Program("Server"), .. Options(directory), "--port", "0", .. options,
            ]);

    /// <summary>Whether only SQLite's sync of the directory failed. SQLite ignores that, and the store syncs the directory again.</summary>
    private static bool IsRepeatedOnDirectory(string trace, string directory)
    {
        string[] syncs = [.. File.ReadLines(trace).Where(line => line.Contains($"<{directory}>)"))];
        return syncs.SkipWhile(line => !line.EndsWith("(INJECTED)")).Skip(1).Any(line => line.EndsWith("= 0"));
    }

    private static bool Listens(ProgramRun server)
    {
        Eventually.That(() => server.Errors.Count > 0 || server.Output.Any(line => line.Contains("listening on")), Is.True);
        return server.Errors.Count == 0;
    }

    private static int Port(ProgramRun server)
    {
        string line = server.Output.First(line => line.Contains("listening on"));
        return int.Parse(line[(line.LastIndexOf(':') + 1)..]);
    }

    private static async Task ReadyAsync(HttpClient http, HttpStatusCode expected)
    {
        using var patience = new CancellationTokenSource(Peer.Patience);
        while (true)
        {
            using HttpResponseMessage answer = await http.GetAsync("health/ready", patience.Token);
            if (answer.StatusCode == expected)
            {
                return;
            }

            await Task.Delay(5, patience.Token);
        }
    }

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(InstalledProgram.Find(program), arguments);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, program);
    }

    [GeneratedRegex(@"sendto\(.*""&\\10\\0.*= 15$")]
    private static partial Regex Acknowledgement();

    [GeneratedRegex(@"<\.\.\. fsync resumed>.*= 0$")]
    private static partial Regex ResumedFsync();
}
