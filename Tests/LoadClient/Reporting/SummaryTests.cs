using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.LoadClient.Reporting;
using HdrHistogram;

namespace DotNettyFraming.Tests.LoadClient.Reporting;

public sealed class SummaryTests
{
    private const string Server = "127.0.0.1:9999";

    [TestCase(1, 1, "1 connection to 127.0.0.1:9999: packets of 32 bytes, 1 per write, 1 packet in all (seed 0)")]
    [TestCase(2, 3, "2 connections to 127.0.0.1:9999: packets of 32 bytes, 1 per write, 3 packets in all (seed 0)")]
    public void Heading_counts_in_singular_and_plural(int connections, int packets, string expected) =>
        Assert.That(
            Summary.Heading(new LoadOptions { Packets = packets, Duration = null }, connections, Server), Is.EqualTo(expected));

    [TestCase(1, "1 attempt failed (1 ConnectionRefused)")]
    [TestCase(2, "2 attempts failed (2 ConnectionRefused)")]
    public void Failed_attempts_are_counted_in_singular_and_plural(int failed, string expected) =>
        Assert.That(Summary.Complaints(Report(connected: 0, failed), Server).Single(), Does.EndWith(expected));

    [Test]
    public void Latency_is_shown_only_if_a_connection_was_made()
    {
        Assert.That(
            Summary.Of(Report(connected: 1, failed: 0)),
            Does.Contain("connect latency    p50 1 us, p90 2 us, p99 3 us, p99.9 3 us, max 3 us"));
        Assert.That(Summary.Of(Report(connected: 0, failed: 1)), Does.Not.Contain("latency"));
    }

    private static RunReport Report(int connected, int failed) => SampleReport.New() with
    {
        Options = new LoadOptions { Connections = connected + failed },
        Allowed = connected + failed,
        Totals = LoadTotals.Zero with { Connected = connected },
        Latencies = connected == 0 ? new Dictionary<LatencyKind, LongHistogram>() : SampleReport.New().Latencies,
        Failures = failed == 0 ? [] : [new("ConnectionRefused", failed)],
    };
}
