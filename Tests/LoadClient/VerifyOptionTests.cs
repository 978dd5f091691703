using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.LoadClient.Verification;

namespace DotNettyFraming.Tests.LoadClient;

/// <summary><c>--verify</c> from the command line, against the real server and its counters.</summary>
[CancelAfter(60_000)]
public sealed class VerifyOptionTests
{
    [TestCase("--connections 100 --duration 500ms")]
    [TestCase("--connections 4000 --packets 20000")]
    [TestCase("--connections 20 --packets 2000 --packets-per-write 7 --payload-bytes 0-3000 --split random --seed 3")]
    [TestCase("--connections 20 --packets 200 --split bytes")]
    [TestCase("--connections 50 --rate 5000 --duration 500ms --transport sockets")]
    public async Task Run_that_ends_orderly_is_exact(string load)
    {
        Machine.RequireConnections(load.Contains("4000", StringComparison.Ordinal) ? 2 * 4_000 : 0); // both ends are in this process
        await using RunningServer server = await RunningServer.StartAsync(TransportChoice.Auto);
        await using StandInAdmin admin = StandInAdmin.Of(server.Counters);

        ClientRun run = await ClientRun.AgainstAsync(server.Endpoint.Port, $"{load} --verify {admin.Url.OriginalString}");

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(run.Text("verification.result"), Is.EqualTo("Exact"), run.Output);
        Assert.That(run.Number("verification.packets.processed"), Is.EqualTo(run.Number("packets.sent")).And.Positive);
        Assert.That(run.Number("verification.bytes.received"), Is.EqualTo(run.Number("bytes.sent")));
        Assert.That(run.Output, Does.Contain("verification       verified: "));
    }

    [Test]
    public async Task What_connections_sent_that_the_server_closed_is_a_range()
    {
        // One length in 301 is above the server's maximum, so it closes each connection at some point, with bytes unread.
        await using RunningServer server = await RunningServer.StartAsync(
            TransportChoice.Auto, configure: options => options with { MaxPayloadBytes = 299 });
        await using StandInAdmin admin = StandInAdmin.Of(server.Counters);

        ClientRun run = await ClientRun.AgainstAsync(
            server.Endpoint.Port, $"--connections 20 --packets 100000 --payload-bytes 0-300 --verify {admin.Url.OriginalString}");

        Assert.That(run.ExitCode, Is.EqualTo(4), "the connections ended before all was sent");
        Assert.That(run.Text("verification.result"), Is.EqualTo("WithinRange"), run.Error);
        Assert.That(run.Number("verification.packets.sentAtMost"), Is.GreaterThan(run.Number("verification.packets.processed")));
        Assert.That(
            run.Number("verification.packets.processed"),
            Is.GreaterThanOrEqualTo(run.Number("verification.packets.sentAtLeast")).And.Positive);
    }

    [Test]
    public async Task Packets_that_were_dropped_are_a_difference_with_both_figures_and_exit_code_3()
    {
        await using RunningServer server = await RunningServer.StartAsync(TransportChoice.Auto, new PoisonedProcessor(later: false));
        await using StandInAdmin admin = StandInAdmin.Of(server.Counters);

        ClientRun run = await ClientRun.AgainstAsync(
            server.Endpoint.Port, $"--connections 1 --packets 1 --payload poison --verify {admin.Url.OriginalString}");

        Assert.That(run.ExitCode, Is.EqualTo(3));
        Assert.That(run.Error, Does.Contain("verification failed: different: ").And.Contain("0 processed").And.Contain("1 dropped"));
        Assert.That(run.Text("verification.result"), Is.EqualTo("Different"));
    }

    [Test]
    public async Task Server_without_statistics_is_one_line_and_nothing_is_sent()
    {
        await using RunningServer server = await RunningServer.StartAsync(TransportChoice.Auto);

        ClientRun run = await ClientRun.AgainstAsync(server.Endpoint.Port, "--connections 1 --packets 1 --verify http://127.0.0.1:1");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.Match(@"\A--verify http://127\.0\.0\.1:1: Connection refused[^\n]*\n\z"));
        Assert.That(server.Counters.Accepted, Is.Zero);
    }
}
