using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>A server whose accept fails for no reason of its clients. Epoll.</summary>
[CancelAfter(60_000)]
public sealed class AcceptFaultTests
{
    [Test]
    public async Task Every_second_accept_that_fails_with_EINVAL_delays_no_client()
    {
        // -D: strace runs beside the server, which so is our own child.
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.ListeningAsync(ProgramRun.StartFile(
            InstalledProgram.Find("strace"),
            [
                "-D", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=accept4", "-e", "inject=accept4:error=EINVAL:when=1+2",
                Repository.Program("Server"), "--transport", "epoll", "--port", "0", "--log-directory", "none",
            ]));
        using ProgramRun server = run;
        long start = Stopwatch.GetTimestamp();

        for (int i = 0; i < 20; i++)
        {
            using Peer peer = await Peer.ConnectAsync(endpoint);
            await peer.SendAsync("X"u8.ToArray()); // no prefix, so the server closes
            await peer.ClosedByServerAsync();
        }

        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(5)));
        server.Signal(PosixSignal.SIGTERM);
        Assert.That(await server.ExitAsync(), Is.Zero, server.Everything);
        Assert.That(server.StoppedCounters()["connections.accepted"], Is.EqualTo(20));
    }
}
