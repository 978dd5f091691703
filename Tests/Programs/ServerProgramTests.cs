using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 25 and 26: the server program's output, start and end.</summary>
[CancelAfter(90_000)]
public sealed class ServerProgramTests
{
    [Test]
    public async Task Start_up_line_names_the_address_and_is_written_once()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync();
        using ProgramRun server = run;

        using Peer peer = await Peer.ConnectAsync(endpoint);
        server.Signal(PosixSignal.SIGTERM);

        Assert.That(await server.ExitAsync(), Is.Zero);
        Assert.Multiple(() =>
        {
            Assert.That(server.Output.Count(line => line.Contains("listening on", StringComparison.Ordinal)), Is.EqualTo(1));
            Assert.That(server.Output, Has.Some.Contains($"listening on {(Socket.OSSupportsIPv6 ? "[::]" : "0.0.0.0")}:{endpoint.Port}"));
            Assert.That(server.Errors, Is.Empty);
        });
    }

    [TestCase("127.0.0.1", "127.0.0.1")]
    [TestCase("::1", "[::1]")]
    public async Task Server_binds_the_given_address(string address, string shown)
    {
        Machine.RequireFamilyOf(address);
        using ProgramRun server = ProgramRun.Start("Server", ["--port", "0", "--address", address, "--log-directory", "none"]);

        string line = await server.LineAsync("listening on ");

        Assert.That(line, Does.Contain($"listening on {shown}:"));
    }

    [Test]
    public async Task Sigterm_under_load_processes_everything_received()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync();
        using ProgramRun server = run;
        byte[] write = Repeat(Article, 1000);
        Peer[] peers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Peer.ConnectAsync(endpoint)));
        Task[] sending = [.. peers.Select(peer => Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    await peer.SendAsync(write);
                }
            }
            catch (SocketException)
            {
                // Closed by the server, as it should be.
            }
        }))];
        await server.LineAsync("processed 1000000 packets");

        long stop = Stopwatch.GetTimestamp();
        server.Signal(PosixSignal.SIGTERM);
        int exitCode = await server.ExitAsync();
        await Task.WhenAll(sending).WaitAsync(Peer.Patience);

        Dictionary<string, long> counters = server.StoppedCounters();
        Assert.Multiple(() =>
        {
            Assert.That(exitCode, Is.Zero, server.Everything);
            Assert.That(Stopwatch.GetElapsedTime(stop).TotalSeconds, Is.LessThan(8), "the drain time-out");
            Assert.That(counters["packets.processed"], Is.EqualTo(counters["packets.received"]));
            Assert.That(counters["packets.dropped"], Is.Zero);
            Assert.That(counters["connections.accepted"], Is.EqualTo(100));
            Assert.That(counters["connections.open"], Is.Zero);
            Assert.That(
                counters["bytes.received"],
                Is.EqualTo((7 * counters["packets.received"]) + counters["bytes.payload"] + counters["bytes.discarded"]));
        });
        Array.ForEach(peers, peer => peer.Dispose());
    }

    [TestCase(PosixSignal.SIGTERM)]
    [TestCase(PosixSignal.SIGINT)]
    public async Task Second_signal_ends_the_server_immediately(PosixSignal signal)
    {
        // One hour of work: only force ends it.
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            "--work", "1h", "--drain-timeout", "1h", "--report-every", "1");
        using ProgramRun server = run;
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Article);

        server.Signal(signal);
        await server.LineAsync("stopping:");
        await Task.Delay(200); // signals within 100 ms count as one
        server.Signal(signal);

        Assert.That(await server.ExitAsync(), Is.EqualTo(130));
        Assert.That(server.Output, Has.None.Contains("stopped:"));
    }

    [Test]
    public async Task Expired_drain_exits_with_0_and_logs_the_loss()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync("--work", "1h", "--drain-timeout", "100ms");
        using ProgramRun server = run;
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Repeat(Article, 3));

        Assert.That((await server.StopAsync())["packets.dropped"], Is.EqualTo(3));
        Assert.That(server.Output, Has.One.Contains("drain time-out: 1 connections closed by force"));
    }

    [Test]
    public async Task Port_in_use_is_one_line_and_exit_code_1()
    {
        using var other = new TcpListener(IPAddress.Any, 0);
        other.Start();
        int port = ((IPEndPoint)other.LocalEndpoint).Port;

        using ProgramRun server = ProgramRun.Start("Server", ["--port", $"{port}", "--log-directory", "none"]);

        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.Multiple(() =>
        {
            Assert.That(server.Errors, Has.Count.EqualTo(1));
            Assert.That(server.Errors.Single(), Does.Contain($"--port {port}").And.Contain("ddress already in use"));
            Assert.That(server.Everything(), Does.Not.Contain("   at "));
        });
    }

    [Test]
    public async Task Two_servers_cannot_share_a_port()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync();
        using ProgramRun first = run;

        using ProgramRun second = ProgramRun.Start("Server", ["--port", $"{endpoint.Port}", "--log-directory", "none"]);

        Assert.That(await second.ExitAsync(), Is.EqualTo(1));
    }

    [Test]
    public async Task Bad_options_are_reported_together_with_exit_code_2()
    {
        using ProgramRun server = ProgramRun.Start(
            "Server", ["--port", "99999", "--work", "soon", "--nonsense"], ("FRAMING_BACKLOG", "0"));

        Assert.That(await server.ExitAsync(), Is.EqualTo(2));
        Assert.Multiple(() =>
        {
            Assert.That(server.Output, Is.Empty);
            Assert.That(server.Errors, Has.Some.Contains("--port"));
            Assert.That(server.Errors, Has.Some.Contains("--work"));
            Assert.That(server.Errors, Has.Some.Contains("--nonsense"));
            Assert.That(server.Errors, Has.Some.Contains("FRAMING_BACKLOG"));
            Assert.That(server.Errors, Has.Count.EqualTo(4));
        });
    }

    [Test]
    public async Task Unwritable_log_directory_is_one_line_and_exit_code_1()
    {
        using ProgramRun server = ProgramRun.Start("Server", ["--port", "0", "--log-directory", "/proc/nowhere"]);

        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.That(server.Errors, Has.Count.EqualTo(1));
        Assert.That(server.Errors.Single(), Does.Contain("--log-directory").And.Contain("/proc/nowhere"));
    }

    [Test]
    [Platform("Linux")]
    public async Task Planted_log_link_is_not_followed()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("only root can give a link to another user");
        }

        string folder = Directory.CreateTempSubdirectory("framing-link-").FullName;
        try
        {
            string secret = Path.Combine(folder, "secret");
            await File.WriteAllTextAsync(secret, "secret");
            string link = $"{folder}/DotNettyFraming.Server-$$.log";
            using ProgramRun server = ProgramRun.StartFile("bash",
            [
                "-c", $"ln -s {secret} {link}; chown -h nobody {link}; exec \"$@\"", "bash",
                Repository.Program("Server"), "--port", "0", "--log-directory", folder,
            ]);

            Assert.That(await server.ExitAsync(), Is.EqualTo(1), server.Everything);
            Assert.That(
                server.Errors,
                Has.One.Matches($"^--log-directory '{folder}': '{folder}/DotNettyFraming.Server-[0-9]+.log' belongs to another user$"));
            Assert.That(await File.ReadAllTextAsync(secret), Is.EqualTo("secret"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestCase("Server", "--admin off")]
    [TestCase("Server", "--admin 127.0.0.1:0")]
    [TestCase("LoadClient", "--port 1")]
    [Platform("Linux")]
    public async Task Too_few_open_files_is_one_line_and_exit_code_1(string program, string options)
    {
        using ProgramRun run = ProgramRun.StartFile(
            "/bin/sh", ["-c", $"ulimit -n 100; exec \"$0\" --log-directory none {options}", Repository.Program(program)]);

        Assert.That(await run.ExitAsync(), Is.EqualTo(1), run.Everything);
        Assert.That(run.Errors, Has.Count.EqualTo(1).And.One.StartsWith("the limit of open files is 100, and the runtime needs about "));
    }

    [Test]
    public async Task Check_shows_the_options_and_does_not_start()
    {
        using ProgramRun server = ProgramRun.Start(
            "Server",
            ["--check", "--port", "1234", "--log-directory", "none", "--work", "007s"],
            ("FRAMING_BACKLOG", "077"),
            ("FRAMING_DRAIN_TIMEOUT", ""));

        Assert.That(await server.ExitAsync(), Is.Zero);
        Assert.Multiple(() =>
        {
            Assert.That(server.Output, Has.Member("--port 1234"));
            Assert.That(server.Output, Has.Member("--backlog 77 (FRAMING_BACKLOG)"));
            Assert.That(server.Output, Has.Member("--drain-timeout 8s (default)"));
            Assert.That(server.Output, Has.Member($"--event-loops {Environment.ProcessorCount} (default)"));
            Assert.That(server.Output, Has.Member("--work 7s"));
            Assert.That(server.Output, Has.None.Contains("--check"));
            Assert.That(server.Output, Has.None.Contains("listening on"));
        });
    }

    [Test]
    public async Task Unknown_variable_is_a_warning()
    {
        using ProgramRun server = ProgramRun.Start(
            "Server", ["--port", "0", "--log-directory", "none"], ("FRAMING_PROT", "1"), ("FRAMING_LOAD_RATE", "1"));

        await server.LineAsync("listening on");
        string warning = await server.LineAsync("FRAMING_PROT");

        Assert.That(warning, Does.Contain("WARN"));
        Assert.That(server.Everything(), Does.Not.Contain("FRAMING_LOAD_RATE"));
    }

    [Test]
    public async Task Each_multiple_of_report_every_has_its_line()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync("--report-every", "1000");
        using ProgramRun server = run;
        using Peer peer = await Peer.ConnectAsync(endpoint);

        await peer.SendAsync(Repeat(Article, 3500));
        await server.LineAsync("processed 3000 packets");

        Assert.That(
            server.Output.Where(line => line.Contains(" processed ", StringComparison.Ordinal))
                .Select(line => line[line.IndexOf("processed", StringComparison.Ordinal)..]),
            Is.EqualTo(new[] { "processed 1000 packets", "processed 2000 packets", "processed 3000 packets" }));
    }

    [Test]
    public async Task Server_is_ready_within_a_second_and_small_at_rest()
    {
        var times = new List<double>();
        for (int i = 0; i < 3; i++)
        {
            long start = Stopwatch.GetTimestamp();
            (ProgramRun run, _) = await ProgramRun.StartServerAsync();
            using ProgramRun server = run;
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            Assert.That(server.ResidentKiB() / 1024, Is.LessThanOrEqualTo(80), "MiB resident");
        }

        Assert.That(times.Min(), Is.LessThan(1), "seconds; the best of three, since the machine may be busy");
    }
}
