using System.Text.Json;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Reporting;
using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.Tests.LoadClient.Reporting;

public sealed class RunReportTests
{
    [Test]
    public void Json_has_the_contracts_fields()
    {
        using var json = JsonDocument.Parse(JsonReport.Serialize(Report()));
        JsonElement root = json.RootElement;

        JsonElement connections = root.GetProperty("connections");
        Assert.That(connections.GetProperty("requested").GetInt64(), Is.EqualTo(10));
        Assert.That(connections.GetProperty("connected").GetInt64(), Is.EqualTo(8));
        Assert.That(connections.GetProperty("failed").GetInt64(), Is.EqualTo(1));
        Assert.That(connections.GetProperty("closedByServer").GetInt64(), Is.EqualTo(5));
        Assert.That(connections.GetProperty("notAttempted").GetInt64(), Is.EqualTo(1));
        Assert.That(root.GetProperty("packets").GetProperty("sent").GetInt64(), Is.EqualTo(1000));
        Assert.That(root.GetProperty("packets").GetProperty("perSecond").GetDouble(), Is.EqualTo(500.0));
        Assert.That(root.GetProperty("bytes").GetProperty("sent").GetInt64(), Is.EqualTo(32_000));
        Assert.That(root.GetProperty("seconds").GetDouble(), Is.EqualTo(2.0));
        JsonElement connect = root.GetProperty("latencyMicroseconds").GetProperty("connect");
        Assert.That(connect.GetProperty("p50").GetInt64(), Is.EqualTo(1));
        Assert.That(connect.GetProperty("p99").GetInt64(), Is.EqualTo(3));
        Assert.That(connect.GetProperty("max").GetInt64(), Is.EqualTo(3));
    }

    [Test]
    public void Exit_code_names_the_worst_thing_that_happened()
    {
        RunReport clean = Report() with { Failures = [] };

        Assert.That(clean.ExitCode, Is.Zero, "a server that closes some connections is counted, and no fault");
        Assert.That(Report().ExitCode, Is.EqualTo(4), "an attempt failed");
        Assert.That((clean with { Allowed = 9 }).ExitCode, Is.EqualTo(4), "capped");
        Assert.That((clean with { RanOutOfConnections = true }).ExitCode, Is.EqualTo(4));
        Assert.That((Report() with { Totals = LoadTotals.Zero }).ExitCode, Is.EqualTo(1), "nothing connected");
    }

    [Test]
    public void Totals_are_the_sum_over_the_loops()
    {
        LoadCounters[] loops = [new LoadCounters(), new LoadCounters()];
        loops[0].Connected(TimeSpan.FromMicroseconds(5));
        loops[1].Connected(TimeSpan.FromMicroseconds(7));
        loops[0].TookBytes(96);
        loops[0].TookPackets(fresh: 3, again: 0);
        loops[0].TookWrite(TimeSpan.FromMicroseconds(9));
        loops[1].TookBytes(40);
        loops[1].TookPackets(fresh: 1, again: 0);
        loops[1].Unconfirmed(packets: 2, bytes: 64);
        loops[1].Ended(ConnectionEnd.ClosedByServer, packets: 1, bytes: 40);
        loops[0].Ended(ConnectionEnd.Completed, packets: 3, bytes: 96);

        LoadTotals totals = LoadTotals.Sum(loops);

        Assert.That((totals.Connected, totals.PacketsSent, totals.BytesSent, totals.PacketsUnconfirmed), Is.EqualTo((2L, 4L, 136L, 2L)));
        Assert.That((totals.Open, totals.EndedByServer), Is.EqualTo((0L, 1L)));
        Assert.That((totals.PacketsAnswered, totals.BytesAnswered), Is.EqualTo((3L, 96L)));
    }

    private static RunReport Report() => SampleReport.New();
}
