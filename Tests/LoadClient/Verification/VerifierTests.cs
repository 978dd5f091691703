using DotNettyFraming.Hosting;
using DotNettyFraming.LoadClient.Verification;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;
using static DotNettyFraming.Tests.LoadClient.Verification.SampleStatistics;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>A verification under fake time, from the reading before the run to the result after it.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class VerifierTests : IDisposable
{
    private static readonly ServerStatistics Before = SampleStatistics.After(1000);
    private static readonly StatisticsReading Refused = Fault("Connection refused");

    private readonly FakeTimeProvider _clock = new();
    private readonly ScriptedStatistics _server = new(Answer(Before));

    [Test]
    public async Task Everything_processed_is_exact()
    {
        VerificationReport report = await VerifyAsync(SampleStatistics.Sent(100), SampleStatistics.After(1100));

        Assert.That((report.Result, report.Passed, report.Reason), Is.EqualTo((VerificationResult.Exact, true, (string?)null)));
        Assert.That(report.Difference, Is.EqualTo(SampleStatistics.After(100, uptime: 0)), "what was there before does not count");
        Assert.That(report.Waited, Is.EqualTo(TimeSpan.FromMilliseconds(100)), "two readings");
    }

    [TestCase(1089, false)]
    [TestCase(1090, true)]
    [TestCase(1100, true)]
    [TestCase(1101, false)]
    public async Task What_is_uncertain_is_a_range(long after, bool passed)
    {
        VerificationReport report = await VerifyAsync(SampleStatistics.Sent(90, uncertain: 10), SampleStatistics.After(after));

        Assert.That(report.Result, Is.EqualTo(passed ? VerificationResult.WithinRange : VerificationResult.Different));
        Assert.That(report.Passed, Is.EqualTo(passed));
    }

    [Test]
    public async Task Server_that_comes_to_rest_later_is_waited_for()
    {
        VerificationReport report = await VerifyAsync(
            SampleStatistics.Sent(100),
            SampleStatistics.After(1050, pending: 50),
            SampleStatistics.After(1050, pending: 50),
            SampleStatistics.After(1050),
            SampleStatistics.After(1050),
            SampleStatistics.After(1100, pending: 1),
            SampleStatistics.After(1100, pending: 1),
            SampleStatistics.After(1100));

        Assert.That(report.Result, Is.EqualTo(VerificationResult.Exact), "the standstill at 1050 was none: the rest was still on its way");
        Assert.That(report.Waited, Is.EqualTo(TimeSpan.FromMilliseconds(700)), "eight readings, the last two alike");
    }

    [Test]
    public async Task Lost_packets_are_a_difference_after_a_quiet_while()
    {
        VerificationReport report = await VerifyAsync(
            SampleStatistics.Sent(100), SampleStatistics.After(1050), SampleStatistics.After(1099));

        Assert.That((report.Result, report.Reason, report.Passed), Is.EqualTo((VerificationResult.Different, (string?)null, false)));
        Assert.That(
            report.Line,
            Does.StartWith("different: 100 packets sent, 99 processed (1 too few), 0 dropped; 3200 bytes sent, 3168 received"));
        Assert.That(report.Waited, Is.EqualTo(TimeSpan.FromSeconds(3.1)), "3 s from the last change on");
    }

    [Test]
    public async Task Lost_bytes_are_a_difference_where_packets_are_none()
    {
        var sent = SentTotals.Of(100, 3205);

        VerificationReport report = await VerifyAsync(sent, SampleStatistics.After(1100));

        Assert.That(report.Result, Is.EqualTo(VerificationResult.Different));
        Assert.That(report.Line, Does.EndWith("100 processed, 0 dropped; 3205 bytes sent, 3200 received (5 too few)"));
        Assert.That(report.Waited, Is.EqualTo(TimeSpan.FromSeconds(3)), "they might still have come");
    }

    [Test]
    public async Task Bytes_that_make_no_whole_packet_are_given_the_quiet_while()
    {
        ServerStatistics fragment = SampleStatistics.After(1099).With((BytesReceived, 1100 * 32), (BytesUnfinished, 32));

        VerificationReport report = await VerifyAsync(SampleStatistics.Sent(100), fragment);

        Assert.That(report.Result, Is.EqualTo(VerificationResult.Different));
        Assert.That(report.Line, Does.EndWith("99 processed (1 too few), 0 dropped; 3200 bytes sent, 3200 received, 32 unfinished"));
        Assert.That(report.Waited, Is.EqualTo(TimeSpan.FromSeconds(3)));
    }

    [Test]
    public async Task Dropped_packets_are_a_difference_without_further_waiting()
    {
        VerificationReport report = await VerifyAsync(SampleStatistics.Sent(100), SampleStatistics.After(1100, dropped: 4));

        Assert.That(report.Result, Is.EqualTo(VerificationResult.Different));
        Assert.That(report.Line, Does.Contain("96 processed (4 too few), 4 dropped"));
        Assert.That(report.Waited, Is.EqualTo(TimeSpan.FromMilliseconds(100)));
    }

    [Test]
    public async Task More_than_was_sent_points_to_somebody_else()
    {
        VerificationReport report = await VerifyAsync(SampleStatistics.Sent(100), SampleStatistics.After(1101));

        Assert.That(
            (report.Result, report.Reason),
            Is.EqualTo((VerificationResult.Different, "another client may be sending to this server")));
    }

    [Test]
    public async Task Slow_processor_is_not_at_rest_at_the_limit()
    {
        VerificationReport report = await VerifyAsync(SampleStatistics.Sent(100), SampleStatistics.After(1100, pending: 40));

        Assert.That(report.Result, Is.EqualTo(VerificationResult.NotAtRest));
        Assert.That(report.Passed, Is.False);
        Assert.That(report.Line, Does.EndWith("3200 bytes sent, 3200 received; packets received and not yet processed: 40"));
        Assert.That(report.Waited, Is.EqualTo(TimeSpan.FromSeconds(30)));
    }

    [Test]
    public async Task Server_that_others_keep_busy_is_not_at_rest_and_that_is_said()
    {
        Verifier verifier = await BeginAsync();
        _server.Continue([.. Enumerable.Range(1, 1000).Select(i => SampleStatistics.After(1100 + i))]);

        VerificationReport report = await PumpAsync(verifier.EndAsync(SampleStatistics.Sent(100), CancellationToken.None));

        Assert.That(
            (report.Result, report.Reason),
            Is.EqualTo((VerificationResult.NotAtRest, "its counters were changing; another client may be sending to this server")));
    }

    [Test]
    public async Task Restart_is_a_difference_immediately()
    {
        VerificationReport report = await VerifyAsync(SampleStatistics.Sent(100), SampleStatistics.After(1100, uptime: 3));

        Assert.That(
            (report.Result, report.Reason),
            Is.EqualTo((VerificationResult.Different, "the server restarted during the run: uptimeSeconds went back from 100 to 3")));
        Assert.That(report.Difference, Is.Null, "counters of two processes");
        Assert.That(_server.Requests, Is.EqualTo(3), "two before the run");
    }

    [Test]
    public async Task Restart_shows_in_the_counters_too()
    {
        VerificationReport report = await VerifyAsync(
            SampleStatistics.Sent(100), SampleStatistics.After(1050, pending: 1), SampleStatistics.After(0, uptime: 200));

        Assert.That(
            (report.Result, report.Reason),
            Is.EqualTo((VerificationResult.Different, "the server restarted during the run: packets.received went back from 1050 to 0")));
    }

    [TestCase(58, false)]
    [TestCase(57, true)]
    public async Task Uptime_shorter_than_the_run_explains_a_difference(long uptime, bool explained)
    {
        _server.Continue(SampleStatistics.After(0, uptime: 1));
        Verifier verifier = await BeginAsync();
        _clock.Advance(TimeSpan.FromSeconds(60) - TimeSpan.FromSeconds(3));
        _server.Continue(SampleStatistics.After(50, uptime: uptime));

        VerificationReport report = await PumpAsync(verifier.EndAsync(SampleStatistics.Sent(100), CancellationToken.None));

        Assert.That(report.Result, Is.EqualTo(VerificationResult.Different));
        Assert.That(report.Reason, explained ? Does.EndWith("it seems to have restarted") : Is.Null);
    }

    [Test]
    public async Task Server_that_is_gone_after_the_run_leaves_no_statistics()
    {
        Verifier verifier = await BeginAsync();
        _server.Continue(Refused);

        VerificationReport report = await PumpAsync(verifier.EndAsync(SampleStatistics.Sent(100), CancellationToken.None));

        Assert.That(
            (report.Result, report.Passed, report.Difference),
            Is.EqualTo((VerificationResult.StatisticsLost, false, (ServerStatistics?)null)));
        Assert.That(report.Line, Is.EqualTo("statistics lost: 100 packets and 3200 bytes sent; http://server:9998: Connection refused"));
        Assert.That(_server.Requests, Is.EqualTo(2 + 3), "it had three chances");
    }

    [Test]
    public async Task Answers_that_fail_now_and_then_do_no_harm()
    {
        Verifier verifier = await BeginAsync();
        var after = Answer(SampleStatistics.After(1100));
        _server.Continue(Refused, Refused, Answer(SampleStatistics.After(1050)), Refused, Refused, after, Refused, after);

        VerificationReport report = await PumpAsync(verifier.EndAsync(SampleStatistics.Sent(100), CancellationToken.None));

        Assert.That(report.Result, Is.EqualTo(VerificationResult.Exact));
    }

    [Test]
    public void Server_that_cannot_be_read_before_the_run_stops_the_start()
    {
        _server.Continue(Refused);

        Assert.That(BeginAsync, Throws.TypeOf<StartupException>().With.Message.EqualTo("--verify http://server:9998: Connection refused"));
        Assert.That(_server.Disposed);
    }

    [Test]
    public async Task Packets_of_before_the_run_are_waited_for()
    {
        _server.Continue(SampleStatistics.After(1000, pending: 2), SampleStatistics.After(1000, pending: 1), Before);

        VerificationReport report = await VerifyAsync(SampleStatistics.Sent(100), SampleStatistics.After(1100));

        Assert.That(report.Result, Is.EqualTo(VerificationResult.Exact));
    }

    [Test]
    public async Task Run_starts_with_a_busy_server_too_and_a_difference_says_so()
    {
        _server.Continue(SampleStatistics.After(1000, pending: 2));

        VerificationReport report = await VerifyAsync(SampleStatistics.Sent(100), SampleStatistics.After(1100));

        Assert.That(
            (report.Result, report.Reason),
            Is.EqualTo((VerificationResult.Different,
                "the server was not at rest before the run: packets received and not yet processed: 2")));
    }

    [Test]
    public async Task Cancellation_gives_up_waiting()
    {
        using var cancel = new CancellationTokenSource();
        Verifier verifier = await BeginAsync();
        _server.Continue(SampleStatistics.After(1100, pending: 1));
        Task<VerificationReport> end = verifier.EndAsync(SampleStatistics.Sent(100), cancel.Token);

        Assert.That(end.IsCompleted, Is.False);
        await cancel.CancelAsync();

        Assert.That(async () => await end.WaitAsync(Peer.Patience), Throws.InstanceOf<OperationCanceledException>());
        verifier.Dispose();
        Assert.That(_server.Disposed);
    }

    public void Dispose() => _server.Dispose();

    private Task<Verifier> BeginAsync() =>
        PumpAsync(Verifier.BeginAsync(_server, _clock, CancellationToken.None));

    private async Task<VerificationReport> VerifyAsync(SentTotals sent, params ServerStatistics[] after)
    {
        Verifier verifier = await BeginAsync();
        _server.Continue(after);
        return await PumpAsync(verifier.EndAsync(sent, CancellationToken.None));
    }

    /// <summary>Advances the time until the task completes; scripted answers complete within an advance.</summary>
    private async Task<T> PumpAsync<T>(Task<T> task)
    {
        for (int i = 0; i < 1000 && !task.IsCompleted; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(100));
        }

        return await task.WaitAsync(Peer.Patience);
    }
}
