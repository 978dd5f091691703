using System.Diagnostics;
using System.Net;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary>A server whose <c>accept</c> fails through no fault of its clients. Epoll only.</summary>
[CancelAfter(60_000)]
public sealed class AcceptFaultTests
{
    [Test]
    public async Task Every_second_accept_that_fails_with_EINVAL_delays_no_client()
    {
        // -D: strace runs as the server's child, and the server is ours.
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
            await peer.SendAsync("X"u8.ToArray()); // a bad prefix: the server closes
            await peer.ClosedByServerAsync();
        }

        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(5)));
        Assert.That((await server.StopAsync())["connections.accepted"], Is.EqualTo(20));
    }
}
