using System.Diagnostics;
using System.Net;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Programs;

/// <summary>FAULTS 30: the listening socket is destroyed from outside.</summary>
[CancelAfter(60_000)]
[Platform("Linux")]
public sealed class ListenerLostTests
{
    [Test]
    public async Task Destroyed_listener_is_an_error_a_drain_and_exit_code_1([Values("epoll", "sockets")] string transport)
    {
        (ProgramRun run, IPEndPoint endpoint, Uri admin) = await ProgramRun.StartWithAdminAsync(
            "--transport", transport, "--address", "127.0.0.1", "--work", "3s", "--report-every", "1");
        using ProgramRun server = run;
        using var http = new HttpClient { Timeout = Peer.Patience };
        using Peer peer = await Peer.ConnectAsync(endpoint);
        Assert.That(await http.GetStringAsync(new Uri(admin, "health/ready")), Is.EqualTo("ready\n"));

        await peer.SendAsync(Article); // three seconds of work: the drain takes as long
        await DestroyListenerAsync(endpoint.Port);
        long destroyed = Stopwatch.GetTimestamp();
        string line = await server.LineAsync("ERROR");
        TimeSpan noticed = Stopwatch.GetElapsedTime(destroyed);
        using HttpResponseMessage ready = await http.GetAsync(new Uri(admin, "health/ready"));

        Assert.That(await server.ExitAsync(), Is.EqualTo(1), server.Everything);
        Assert.Multiple(() =>
        {
            Assert.That(line, Does.Contain($"the listening socket 127.0.0.1:{endpoint.Port} is lost: it was "));
            Assert.That(noticed.TotalSeconds, Is.LessThan(2), "it is checked once per second");
            Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(server.Output.Count(text => text.Contains("ERROR", StringComparison.Ordinal)), Is.EqualTo(1), server.Everything);
            Assert.That(server.StoppedCounters()["packets.processed"], Is.EqualTo(1), "the open connection is drained");
        });
    }

    /// <summary>Destroys the socket as an administrator can; the kernel does not notify the owner.</summary>
    private static async Task DestroyListenerAsync(int port)
    {
        ToolRun ss = await ToolRun.RunAsync(
            InstalledProgram.Find("ss", "iproute2"), ["-KHt", "state", "listening", $"( sport = :{port} )"]);
        if (ss.Output.Length == 0)
        {
            const string Missing = "`ss -K` destroys no socket here: it needs CAP_NET_ADMIN and a kernel with CONFIG_INET_DIAG_DESTROY";
            Assert.That(Environment.GetEnvironmentVariable("CI"), Is.Null, Missing);
            Assert.Ignore(Missing);
        }
    }
}
