using System.Net;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Programs;

/// <summary><c>--tcp-keepalive</c> and <c>--tcp-user-timeout</c>, as <c>ss</c> shows the timers of an accepted connection.</summary>
[CancelAfter(60_000)]
[Platform("Linux")]
[Category("Slow")]
public sealed class DeadPeerTests
{
    [Test]
    public async Task Keep_alive_is_on_for_accepted_connections([Values("epoll", "sockets")] string transport)
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync(
            "--transport", transport, "--tcp-keepalive", "77s", "--tcp-user-timeout", "90s", "--tcp-quickack", "off");
        using ProgramRun server = run;
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Packets.Article);

        Assert.That(await TimersAsync(endpoint.Port), Does.Match(@"timer:\(keepalive,(1min1[0-9]|7[0-9])"));
        Assert.That((await server.StopAsync())["packets.processed"], Is.EqualTo(1));
    }

    [Test]
    public async Task Keep_alive_is_off_by_default()
    {
        (ProgramRun run, IPEndPoint endpoint) = await ProgramRun.StartServerAsync();
        using ProgramRun server = run;
        using Peer peer = await Peer.ConnectAsync(endpoint);
        await peer.SendAsync(Packets.Article);

        Assert.That(await TimersAsync(endpoint.Port), Does.Not.Contain("keepalive"));
        await server.StopAsync();
    }

    /// <summary>Returns the line of ss about the server's end, once it has a timer.</summary>
    private static async Task<string> TimersAsync(int port)
    {
        string line = "";
        string ss = InstalledProgram.Find("ss", "iproute2");
        for (int i = 0; i < 20 && !line.Contains("timer:(", StringComparison.Ordinal); i++)
        {
            line = (await ToolRun.RunAsync(ss, ["-Htno", "state", "established", $"( sport = :{port} )"])).Output;
        }

        return line;
    }
}
