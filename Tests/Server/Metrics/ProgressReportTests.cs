using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Server.Metrics;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ProgressReportTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly RecordingLogger _log = new();
    private long _processed;

    private IEnumerable<string> Lines => _log.Lines.Select(line => line.Message);

    [Test]
    public void Each_multiple_gets_one_line()
    {
        using ProgressReport _ = Start(1000);

        ProcessAndTick(999);
        Assert.That(Lines, Is.Empty);
        ProcessAndTick(1000);
        ProcessAndTick(1999);
        ProcessAndTick(4001);

        Assert.That(Lines, Is.EqualTo(new[]
        {
            "processed 1000 packets", "processed 2000 packets", "processed 3000 packets", "processed 4000 packets",
        }));
    }

    [Test]
    public void Flood_writes_at_most_20_lines_per_second_and_the_newest()
    {
        using ProgressReport _ = Start(1);

        for (int tick = 1; tick <= 100; tick++)
        {
            ProcessAndTick(tick * 1_000_000);
        }

        Assert.That(Lines.Count(), Is.InRange(90, 200), "25 s at up to 20 per second");
        Assert.That(Lines.Last(), Is.EqualTo("processed 100000000 packets"));
    }

    [Test]
    public void Burst_beyond_the_limit_is_reported_a_second_later()
    {
        using ProgressReport _ = Start(1);

        ProcessAndTick(20);
        ProcessAndTick(500);
        Assert.That(Lines.Count(), Is.EqualTo(20));
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.That(Lines.Last(), Is.EqualTo("processed 500 packets"));
        Assert.That(Lines.Count(), Is.EqualTo(21));
    }

    [Test]
    public void End_reports_packets_since_the_last_tick()
    {
        ProgressReport report = Start(10);
        _processed = 10;

        report.Dispose();

        Assert.That(Lines, Is.EqualTo(new[] { "processed 10 packets" }));
    }

    private ProgressReport Start(long every) => new(() => _processed, every, _time, _log);

    private void ProcessAndTick(long processed)
    {
        _processed = processed;
        _time.Advance(ProgressReport.Interval);
    }
}
