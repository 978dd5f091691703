using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Benchmarks.Senders;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Tests.Benchmarks;

/// <summary>The comparison of senders: ratios, tables, and the detection of a wrong count.</summary>
[CancelAfter(60_000)]
[Category("Slow")]
public sealed class SendersTests
{
    private static readonly Workload Load = SendersPlan.AllLoads[0];

    [Test]
    public void Ratio_is_taken_within_a_turn()
    {
        SendersResult result = Result(processed: 0);

        Assert.That(result.Figure(Load, turn => turn.Ratio), Is.EqualTo(new Statistics(Median: 0.8, Min: 0.5, Max: 1.5, Count: 3)));
        Assert.That(result.Loads, Is.EqualTo(new[] { Load }));
    }

    [Test]
    public void Tables_have_both_senders_their_ratio_connections_and_memory()
    {
        string text = Text(Result(processed: 500));

        Assert.That(text, Does.Contain(
            "| 100x1: 100 conn, 1 per write | 100.0 k (50.0 k–200.0 k) | 80.0 k (75.0 k–100.0 k) "
            + "| 0.80 (0.50–1.50) | 50.0 % (50.0 %–50.0 %) |"));
        Assert.That(text, Does.Contain(
            "| 100x1: 100 conn, 1 per write | 0.20 s (0.20 s–0.20 s) | 0.10 s (0.10 s–0.10 s) | 7 | 60.0 MiB (60.0 MiB–60.0 MiB) |"));
        Assert.That(text, Does.Contain("| floor | 500 | 500 | all |"));
    }

    [Test]
    public void Different_count_is_shown() =>
        Assert.That(Text(Result(processed: 499)), Does.Contain("| floor | 500 | 499 | DIFFERENT |"));

    [TestCase(0, true)]
    [TestCase(1, false)]
    public async Task Sender_that_reports_too_many_packets_is_detected(int tooMany, bool exact)
    {
        var plan = new SendersPlan { Loads = [Load with { Connections = 3 }], Rounds = 2, Duration = TimeSpan.FromMilliseconds(20) };
        var run = new SendersRun(plan, Programs.InTests(Contestants.Floor), new InProcess(0), new InProcess(tooMany), _ => { });

        SendersResult result = await run.RunAsync();

        Assert.That(result.Turns, Has.Count.EqualTo(2));
        Assert.That(
            result.Check.Sent,
            Is.GreaterThan(result.Turns.Sum(turn => turn.Floor.Packets + turn.LoadClient.Packets)),
            "the warm-up counts too");
        Assert.That(result.Check.IsExact, Is.EqualTo(exact));
    }

    [Test]
    public void Failed_sender_is_reported_with_its_errors()
    {
        var sender = new FloorSenderProcess(Programs.InTests(Contestants.Floor).FileName);

        Assert.That(
            async () => await sender.SendAsync(port: 0, Load, TimeSpan.FromMilliseconds(20)),
            Throws.InstanceOf<StartupException>().With.Message.Contains("--port"));
    }

    private static SendersResult Result(long processed) => new(
        [Turn(50_000, 75_000, failed: 0), Turn(100_000, 80_000, failed: 7), Turn(200_000, 100_000, failed: 0)],
        new CountCheck("floor", 500, processed));

    private static SendersTurn Turn(long floor, long loadClient, int failed) => new(
        Load,
        new SenderReading(floor, Seconds: 1, CpuSeconds: 0.5, Failed: 0, ConnectSeconds: 0.1, PeakResidentBytes: 0),
        new SenderReading(2 * loadClient, Seconds: 2, CpuSeconds: null, failed, ConnectSeconds: 0.2, PeakResidentBytes: 60 << 20));

    private static string Text(SendersResult result) => string.Join('\n', SendersTables.From(result).Select(table => table.ToMarkdown()));

    /// <summary>The floor sender in this process, with an option to report too many packets.</summary>
    private sealed class InProcess(int tooMany) : ISender
    {
        public string Name => "in process";

        public Task<SenderReading> SendAsync(int port, Workload load, TimeSpan duration)
        {
            using FloorSender sender = FloorSender.Open(port, load);
            TimeSpan took = sender.Send(duration);
            sender.Finish();
            return Task.FromResult(new SenderReading(sender.Packets + tooMany, took.TotalSeconds, 0, 0, 0, 0));
        }
    }
}
