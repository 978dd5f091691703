using DotNettyFraming.LoadClient.Abuse;
using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

public sealed class AbuseReportTests
{
    [Test]
    public void Peers_closed_by_the_server_are_reported_with_the_time_it_took()
    {
        AbuseReport report = Report(AbuseKind.SlowLoris, (HostileEnd.ClosedByServer, 97), (HostileEnd.ResetByServer, 3)) with
        {
            TimeToClose = new Latency(100, 30_100_000, 30_200_000, 30_400_000, 30_500_000, 30_500_000),
        };

        Assert.That(report.Describe(), Is.EqualTo(new[]
        {
            "slow-loris         100 peers: 97 closed by the server, 3 reset by the server",
            "                   the server took 30.10 s (p50), 30.40 s (p99), 30.50 s (longest) to end one",
        }));
        Assert.That(report.AnyOutlivedDeadline, Is.False);
    }

    [TestCase(999, "999 us")]
    [TestCase(1_500, "1.5 ms")]
    [TestCase(999_900, "999.9 ms")]
    public void Short_times_have_short_units(long microseconds, string expected)
    {
        AbuseReport report = Report(AbuseKind.BadPrefix, (HostileEnd.ClosedByServer, 1)) with
        {
            TimeToClose = new Latency(1, microseconds, microseconds, microseconds, microseconds, microseconds),
        };

        Assert.That(report.Describe().ElementAt(1), Does.Contain($"took {expected} (p50)"));
    }

    [Test]
    public void Peers_that_outlived_their_deadline_stand_out()
    {
        AbuseReport report = Report(AbuseKind.HalfPacket, (HostileEnd.StillOpen, 1));

        Assert.That(report.Describe(), Is.EqualTo(new[] { "half-packet        1 peer: 1 STILL OPEN after 60s" }));
        Assert.That(report.AnyOutlivedDeadline, Is.True);
    }

    [Test]
    public void Flood_has_its_rate_and_the_reasons_of_refusals()
    {
        AbuseReport report = Report(AbuseKind.ConnectFlood, (HostileEnd.EndedItself, 19_990), (HostileEnd.Refused, 10)) with
        {
            Refusals = [new("AddressNotAvailable", 8), new("TimedOut", 2)],
        };

        Assert.That(report.Describe(), Is.EqualTo(new[]
        {
            "connect-flood      20000 peers (10000 per second): 10 could not be made, 19990 closed by us",
            "                   not made: 8 AddressNotAvailable, 2 TimedOut",
        }));
    }

    [Test]
    public void Failures_are_reported_by_reason()
    {
        AbuseReport report = Report(AbuseKind.Oversize, (HostileEnd.Failed, 3)) with { Failures = [new("NetworkUnreachable", 3)] };

        Assert.That(report.Describe(), Is.EqualTo(new[]
        {
            "oversize           3 peers: 3 failed",
            "                   failed: 3 NetworkUnreachable",
        }));
    }

    [Test]
    public void Connections_held_back_are_reported()
    {
        AbuseReport report = Report(AbuseKind.BadPrefix, (HostileEnd.Interrupted, 4));
        report = report with { Totals = report.Totals with { HeldBack = 12 }, Options = report.Options with { RatePerSecond = 8 } };

        Assert.That(report.Describe(), Is.EqualTo(new[]
        {
            "bad-prefix         4 peers (2 per second): 4 open when the run was stopped",
            "                   12 more were due by the rate and not started: 100 were open already, or attempts took too long",
        }));
    }

    private static AbuseReport Report(AbuseKind kind, params (HostileEnd End, long Count)[] ends)
    {
        long[] counts = new long[Enum.GetValues<HostileEnd>().Length];
        foreach ((HostileEnd end, long count) in ends)
        {
            counts[(int)end] = count;
        }

        return new AbuseReport
        {
            Options = new AbuseOptions { Kind = kind },
            AttackedFor = TimeSpan.FromSeconds(2),
            Totals = new AbuseTotals(counts.Sum(), counts.Sum(), 0, 0, 0, 0, counts),
            Refusals = [],
            Failures = [],
            TimeToClose = default,
        };
    }
}
