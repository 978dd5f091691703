using DotNettyFraming.LoadClient.Verification;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;

namespace DotNettyFraming.Tests.LoadClient.Verification;

public sealed class VerificationLineTests
{
    [TestCase(100_000, "verified: 100000 packets and 3200000 bytes sent, the server processed just these")]
    [TestCase(1, "verified: 1 packet and 32 bytes sent, the server processed just these")]
    [TestCase(0, "verified: 0 packets and 0 bytes sent, the server processed just these")]
    public void Exact_is_said_shortly(long packets, string line) => Assert.That(
        Line(VerificationResult.Exact, SampleStatistics.Sent(packets), SampleStatistics.After(packets)), Is.EqualTo(line));

    [Test]
    public void Range_is_shown_with_what_came() => Assert.That(
        Line(VerificationResult.WithinRange, SampleStatistics.Sent(99_800, uncertain: 200), SampleStatistics.After(99_871)),
        Is.EqualTo("within what can be known: 99800 to 100000 packets sent, 99871 processed, 0 dropped; 3193600 to 3200000 bytes sent, "
            + "3195872 received (what went over connections that did not end orderly is not certain)"));

    [Test]
    public void Difference_has_both_figures_and_says_how_many() => Assert.Multiple(() =>
    {
        Assert.That(
            Line(VerificationResult.Different, SampleStatistics.Sent(100), SampleStatistics.After(99)),
            Is.EqualTo("different: 100 packets sent, 99 processed (1 too few), 0 dropped; 3200 bytes sent, 3168 received (32 too few)"));
        Assert.That(
            Line(VerificationResult.Different, SampleStatistics.Sent(90, uncertain: 10), SampleStatistics.After(102)),
            Is.EqualTo("different: 90 to 100 packets sent, 102 processed (2 too many), 0 dropped; "
                + "2880 to 3200 bytes sent, 3264 received (64 too many)"));
        Assert.That(
            Line(VerificationResult.Different, SampleStatistics.Sent(100), SampleStatistics.After(100, dropped: 3)),
            Is.EqualTo("different: 100 packets sent, 97 processed (3 too few), 3 dropped; 3200 bytes sent, 3200 received"));
        Assert.That(
            Line(
                VerificationResult.Different,
                SampleStatistics.Sent(100),
                SampleStatistics.After(99).With((BytesReceived, 3200), (BytesDiscarded, 20), (BytesUnfinished, 12))),
            Is.EqualTo("different: 100 packets sent, 99 processed (1 too few), 0 dropped; "
                + "3200 bytes sent, 3200 received, 20 discarded, 12 unfinished"));
    });

    [Test]
    public void Unrest_says_for_how_long() => Assert.That(
        Line(VerificationResult.NotAtRest, SampleStatistics.Sent(100), SampleStatistics.After(100, pending: 40), "because"),
        Is.EqualTo(
            "not at rest after 30.1 s: 100 packets sent, 60 processed (40 too few), 0 dropped; "
            + "3200 bytes sent, 3200 received; because"));

    [Test]
    public void Lost_statistics_leave_what_was_sent() => Assert.That(
        Line(VerificationResult.StatisticsLost, SampleStatistics.Sent(100), null, "http://server:9998: Connection refused"),
        Is.EqualTo("statistics lost: 100 packets and 3200 bytes sent; http://server:9998: Connection refused"));

    [Test]
    public void Line_stays_a_line_whatever_a_reason_quotes() => Assert.That(
        Line(VerificationResult.StatisticsLost, SampleStatistics.Sent(1), null, "a\r\nb\u001B[2J"), Does.EndWith(@"; a\r\nb\u001B[2J"));

    private static string Line(VerificationResult result, SentTotals sent, ServerStatistics? difference, string? reason = null) =>
        new VerificationReport(result, sent, difference, TimeSpan.FromSeconds(30.1), reason).Line;
}
