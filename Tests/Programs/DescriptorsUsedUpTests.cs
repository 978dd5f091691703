using System.Diagnostics;
using System.Net;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 13: more connections than the limit of open files allows. Epoll only.</summary>
[CancelAfter(120_000)]
[Category("Slow")]
public sealed class DescriptorsUsedUpTests
{
    private const int Limit = 250;
    private static readonly TimeSpan Exhausted = TimeSpan.FromSeconds(5);

    [Test]
    public async Task Exhausted_descriptors_cost_little_and_a_freed_one_is_used_in_1_s([Values] bool warm)
    {
        (ProgramRun run, IPEndPoint endpoint) = await StartAsync(Limit);
        using ProgramRun server = run;
        int processed = 0;
        if (warm)
        {
            using Peer first = await Peer.ConnectAsync(endpoint);
            await ProcessedAsync(first);
        }

        var peers = new List<Peer>();
        for (int i = 0; i < Limit; i++)
        {
            peers.Add(await Peer.ConnectAsync(endpoint)); // the kernel completes it even if the server cannot accept
        }

        await ProcessedAsync(peers[0]);
        await server.LineAsync("Cannot accept connections (EMFILE)");
        Assert.That(Directory.GetFileSystemEntries($"/proc/{server.Id}/fd"), Has.Length.LessThan(Limit - 4), "the reserve for the runtime");

        await ServeMeanwhileAsync(); // the first time compiles the code
        int lines = server.Output.Count;
        TimeSpan used = server.ProcessorTime();
        long start = Stopwatch.GetTimestamp();
        await ServeMeanwhileAsync();
        TimeSpan lasted = Stopwatch.GetElapsedTime(start);
        used = server.ProcessorTime() - used;
        Assert.Multiple(() =>
        {
            Assert.That(used / lasted, Is.LessThan(0.05), "share of a core");
            Assert.That(
                server.Output.Skip(lines).Count(line => !line.Contains("processed ", StringComparison.Ordinal)),
                Is.LessThanOrEqualTo(lasted.TotalSeconds + 1), server.Everything);
        });

        // The last one waits in the backlog behind others that each need a free descriptor: close them all.
        await peers[^1].SendAsync(Article);
        start = Stopwatch.GetTimestamp();
        peers.SkipLast(1).ToList().ForEach(peer => peer.Dispose());
        await server.LineAsync($"processed {++processed} packets");
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(1)));
        TestContext.Out.WriteLine(
            $"{used / lasted:P2} of a core; served {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F0} ms after the close");

        peers[^1].Dispose();
        Assert.That((await server.StopAsync())["packets.processed"], Is.EqualTo(processed));

        // Open connections are still served.
        async Task ServeMeanwhileAsync()
        {
            for (long started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < Exhausted;)
            {
                await ProcessedAsync(peers[0]);
                await Task.Delay(500); // the pace of the served peer
            }
        }

        async Task ProcessedAsync(Peer peer)
        {
            await peer.SendAsync(Article);
            await server.LineAsync($"processed {++processed} packets");
        }
    }

    [Test]
    public async Task Limit_without_room_for_any_connection_is_survived()
    {
        (ProgramRun run, IPEndPoint endpoint) = await StartAsync(160);
        using ProgramRun server = run;
        var peers = new List<Peer>();
        for (int i = 0; i < 60; i++)
        {
            peers.Add(await Peer.ConnectAsync(endpoint));
            await peers[i].SendAsync(Article);
        }

        await server.LineAsync("Cannot accept connections (EMFILE)");
        peers.ForEach(peer => peer.Dispose());
        await server.StopAsync();
        Assert.That(server.Everything(), Does.Not.Contain("Exception"));
    }

    [TestCase("Server")]
    [TestCase("LoadClient")]
    public async Task More_event_loops_than_files_is_one_line_and_exit_code_1(string program)
    {
        using ProgramRun run = StartLimited(program, 200, "--port", "1", "--log-directory", "none", "--event-loops", "100");

        Assert.That(await run.ExitAsync(), Is.EqualTo(1), run.Everything);
        Assert.That(run.Errors, Has.One.StartsWith("--event-loops 100: each needs 2 of the 200 files"));
        Assert.That(run.Everything(), Does.Not.Contain("   at "));
    }

    private static Task<(ProgramRun Run, IPEndPoint Endpoint)> StartAsync(int limit) => ProgramRun.ListeningAsync(StartLimited(
        "Server", limit, "--address", "127.0.0.1", "--port", "0", "--log-directory", "none",
        "--transport", "epoll", "--event-loops", "2", "--max-connections", "10000", "--report-every", "1"));

    /// <summary>Starts a program with a limit of open files.</summary>
    private static ProgramRun StartLimited(string program, int files, params string[] options) =>
        ProgramRun.StartFile("/bin/sh", ["-c", $"ulimit -n {files}; exec \"$0\" \"$@\"", Repository.Program(program), .. options]);
}
