using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>Signals at awkward moments.</summary>
[CancelAfter(90_000)]
[Category("Slow")]
public sealed class StopSignalTests
{
    [Test]
    public async Task Signal_while_the_server_starts_is_not_lost()
    {
        for (int i = 0; i < 5; i++)
        {
            using ProgramRun server = ProgramRun.Start("Server", ["--port", "0", "--log-directory", "none"]);
            AwaitSignalHandler(server.Id);

            server.Signal(PosixSignal.SIGTERM);

            Assert.That(await server.ExitAsync(), Is.Zero, server.Everything);
            Assert.That(server.Output, Has.Some.Contains("stopped:"));
        }
    }

    [Test]
    public async Task Same_signal_twice_within_100_ms_counts_once()
    {
        (ProgramRun run, _) = await ProgramRun.StartServerAsync();
        using ProgramRun server = run;

        server.Signal(PosixSignal.SIGTERM);
        server.Signal(PosixSignal.SIGTERM);

        Assert.That(await server.ExitAsync(), Is.Zero, server.Everything);
        Assert.That(server.Output, Has.Some.Contains("stopped:"));
    }

    [TestCase(PosixSignal.SIGHUP)]
    [TestCase(PosixSignal.SIGQUIT)]
    public async Task SIGHUP_and_SIGQUIT_stop_gracefully_too(PosixSignal signal)
    {
        (ProgramRun run, _) = await ProgramRun.StartServerAsync();
        using ProgramRun server = run;

        server.Signal(signal);

        Assert.That(await server.ExitAsync(), Is.Zero, server.Everything);
        Assert.That(server.Output, Has.Some.Contains("stopped:"));
    }

    [TestCase("Server", "--port 0")]
    [TestCase("LoadClient", "--port 1 --connections 1")]
    public async Task Second_signal_ends_a_program_with_blocked_output(string project, string arguments)
    {
        string fifo = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using (Process mkfifo = Process.Start("mkfifo", [fifo]))
        {
            await mkfifo.WaitForExitAsync();
        }

        try
        {
            using var full = new FileStream(fifo, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            full.Write(new byte[64 * 1024]); // fills the pipe (pipe(7)): the next write waits for a reader
            using Process program = Process.Start(
                "sh", ["-c", $"exec '{Repository.Program(project)}' {arguments} --log-directory none 1<>'{fifo}' 2>&1"]);
            try
            {
                AwaitSignalHandler(program.Id);
                Signals.Send(program.Id, PosixSignal.SIGTERM);
                await Task.Delay(500); // signals within 100 ms count as one
                Signals.Send(program.Id, PosixSignal.SIGTERM);

                using var timeout = new CancellationTokenSource(Peer.Patience);
                await program.WaitForExitAsync(timeout.Token);
                Assert.That(program.ExitCode, Is.EqualTo(130));
            }
            finally
            {
                program.Kill();
            }
        }
        finally
        {
            File.Delete(fifo);
        }
    }

    [Test]
    public async Task Drain_expires_with_much_work_pending()
    {
        Machine.RequireConnections(2_000);
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            "--transport", "sockets", "--work", "1h", "--drain-timeout", "200ms");
        using ProgramRun server = run;
        Peer[] peers = await Task.WhenAll(Enumerable.Range(0, 2000).Select(_ => Peer.ConnectAsync(endpoint)));
        await Task.WhenAll(peers.Select(peer => peer.SendAsync(Packets.Repeat(Packets.Article, 10))));

        Dictionary<string, long> counters = await server.StopAsync();
        Assert.That(counters["packets.dropped"], Is.EqualTo(counters["packets.received"]).And.Positive);
        Array.ForEach(peers, peer => peer.Dispose());
    }

    /// <summary>Waits until the process catches SIGHUP, the last signal that it registers; the runtime catches none of its own.</summary>
    private static void AwaitSignalHandler(int process)
    {
        Machine.RequireLinux("/proc");
        Eventually.That(
            () => File.ReadLines($"/proc/{process}/status")
                .Where(line => line.StartsWith("SigCgt:", StringComparison.Ordinal))
                .Select(line => Convert.ToUInt64(line["SigCgt:".Length..].Trim(), 16))
                .Any(caught => (caught & 1) != 0),
            Is.True);
    }
}
