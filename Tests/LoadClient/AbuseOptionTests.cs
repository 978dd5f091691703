using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using DotNettyFraming.Tests.LoadClient.Verification;

namespace DotNettyFraming.Tests.LoadClient;

/// <summary><c>--abuse</c> from the command line: an attack during ordinary load.</summary>
[CancelAfter(60_000)]
public sealed class AbuseOptionTests
{
    [Test]
    public async Task Attack_is_reported_with_the_write_latency_before_during_and_after()
    {
        await using RunningServer server = await RunningServer.StartAsync(TransportChoice.Auto);
        await using StandInAdmin admin = StandInAdmin.Of(server.Counters);

        ClientRun run = await ClientRun.AgainstAsync(
            server.Endpoint.Port,
            "--connections 10 --rate 1000 --duration 1500ms --abuse bad-prefix --abuse-connections 100 --abuse-rate 100 "
            + $"--verify {admin.Url.OriginalString}");

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(run.Text("abuse.kind"), Is.EqualTo("bad-prefix"));
        Assert.That(run.Number("abuse.made"), Is.EqualTo(50).Within(2), "100 per second for a third of the duration");
        Assert.That(
            run.Number("abuse.ended.ClosedByServer") + run.Number("abuse.ended.ResetByServer"), Is.EqualTo(run.Number("abuse.attempts")));
        Assert.That(server.Counters.Closed(CloseReason.InvalidPrefix), Is.EqualTo(run.Number("abuse.made")));
        Assert.That(run.Number("connections.ended.Completed"), Is.EqualTo(10), "the ordinary ones are unharmed");
        foreach (string phase in new[] { "before", "during", "after" })
        {
            Assert.That(run.Number($"abuse.writeLatencyMicroseconds.{phase}.count"), Is.InRange(300, 900), phase);
        }

        Assert.That(
            new[] { "before", "during", "after" }.Sum(phase => run.Number($"abuse.writeLatencyMicroseconds.{phase}.count")),
            Is.LessThanOrEqualTo(run.Number("latencyMicroseconds.write.count")), "each in one phase");

        Assert.That(run.Text("verification.result"), Is.EqualTo("WithinRange"), "what hostile peers got across cannot be known exactly");
        Assert.That(
            run.Output,
            Does.Contain("bad-prefix ").And.Contain("writes before").And.Contain("writes during").And.Contain("writes after"));
    }

    [Test]
    public async Task Hostile_connection_that_outlives_its_deadline_is_exit_code_5()
    {
        await using var server = new StandInServer(StandInServer.ReadToEnd); // reads, and never closes first

        ClientRun run = await ClientRun.AgainstAsync(
            server.Port, "--connections 2 --duration 300ms --abuse half-packet --abuse-connections 3 --abuse-deadline 200ms");

        Assert.That(run.ExitCode, Is.EqualTo(5));
        Assert.That(run.Number("abuse.ended.StillOpen"), Is.EqualTo(3));
        Assert.That(run.Error, Does.Contain("3 hostile connections outlived 200ms (--abuse-deadline)"));
    }

    [Test]
    public async Task Stop_ends_the_attack_too()
    {
        using var stop = new CancellationTokenSource();
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            if (connection.Received.Length > 32)
            {
                await stop.CancelAsync(); // the hostile one: the ordinary one sends a single packet of 32 bytes
            }

            await connection.ReadToEndAsync();
        });

        ClientRun run = await ClientRun.AgainstAsync(
            server.Port,
            "--connections 1 --packets 1 --duration 300ms --abuse half-packet --abuse-connections 1 --abuse-deadline 1h",
            stop.Token);

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(run.Number("abuse.ended.Interrupted"), Is.EqualTo(1));
        Assert.That(run.Json!.Value.GetProperty("interrupted").GetBoolean(), Is.True);
    }

    [TestCase("--abuse-connections 5", "--abuse-connections: needs --abuse")]
    [TestCase("--abuse nonsense", "--abuse: 'nonsense' is none of bad-prefix, bad-prefix-late, oversize,")]
    public async Task Faulty_option_is_one_line_that_names_it(string arguments, string message)
    {
        ClientRun run = await ClientRun.WithAsync(arguments);

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.Error, Does.StartWith(message));
    }
}
