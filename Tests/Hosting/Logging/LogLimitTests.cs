using System.Diagnostics.CodeAnalysis;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Hosting.Logging;

/// <summary>A flood of events: some are written, and summary lines count the rest.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[SuppressMessage("Performance", "CA1848", Justification = "What is tested is made here: kinds of events, some without a number.")]
[SuppressMessage("Performance", "CA1873", Justification = "As above.")]
public sealed class LogLimitTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly RecordingLogger _written = new();
    private readonly LogLimit _provider;

    public LogLimitTests() => _provider = new LogLimit(new OneLogger(_written), _time);

    public void Dispose() => _provider.Dispose();

    [Test]
    public void Repeated_event_is_written_twenty_times_and_summed_up_at_the_windows_end()
    {
        ILogger logger = _provider.CreateLogger("Part");
        for (int i = 0; i < 100_000; i++)
        {
            logger.LogDebug("connection {Id} closed", i);
        }

        Assert.That(_written.Lines.Select(line => line.Message), Is.EqualTo(Enumerable.Range(0, 20).Select(i => $"connection {i} closed")));
        Pass(9);
        Assert.That(_written.Lines.Count(), Is.EqualTo(20));
        Pass(1);

        Assert.That(_written.Lines.Skip(20), Is.EqualTo(new[]
        {
            (LogLevel.Debug, "… and 99980 more in the last 10 s: connection {Id} closed"),
        }));
    }

    [Test]
    public void Next_window_writes_again_and_a_quiet_one_has_no_sum()
    {
        ILogger logger = _provider.CreateLogger("Part");
        Repeat(logger, 30);
        Pass(10);
        Repeat(logger, 20);
        Pass(10);
        Pass(10);

        Assert.That(_written.Lines.Count(), Is.EqualTo(20 + 1 + 20));
    }

    [Test]
    public void Category_level_number_and_template_make_a_kind()
    {
        ILogger one = _provider.CreateLogger("One");
        ILogger other = _provider.CreateLogger("Other");
        for (int i = 0; i < 50; i++)
        {
            one.LogDebug("a {I}", i);
            one.LogDebug("b {I}", i);
            one.LogInformation("a {I}", i);
            one.LogDebug(7, "a {I}", i);
            other.LogDebug("a {I}", i);
        }

        Assert.That(_written.Lines.Count(), Is.EqualTo(5 * 20));
    }

    [Test]
    public void Many_kinds_stay_within_two_hundred_lines_in_any_second_and_each_is_counted()
    {
        ILogger[] loggers = [.. Enumerable.Range(0, 300).Select(i => _provider.CreateLogger($"Part {i}"))];
        var perTick = new List<int>();
        long logged = 0;
        for (int tick = 0; tick < 250; tick++)
        {
            int before = _written.Lines.Count();
            foreach (ILogger logger in loggers)
            {
                logger.LogDebug("event");
                logged++;
            }

            _time.Advance(TimeSpan.FromMilliseconds(100));
            perTick.Add(_written.Lines.Count() - before);
        }

        _provider.Dispose();

        int[] perSecond = [.. Enumerable.Range(0, perTick.Count - 9).Select(first => perTick.Skip(first).Take(10).Sum())];
        Assert.That(perSecond.Max(), Is.InRange(170, 200));
        Assert.That(Reported(), Is.EqualTo(logged));
        Assert.That(_written.Lines.Select(line => line.Message), Has.Some.Matches(
            @"^… and \d+ more of several kinds in the last 1 s: the limit is 200 lines per second$"));
    }

    [Test]
    public void Lifecycle_progress_and_critical_are_never_held_back_but_take_room()
    {
        ILogger part = _provider.CreateLogger("Part");
        string[] categories = ["Server.Lifecycle", "Server.Progress"];
        foreach (ILogger logger in categories.Select(_provider.CreateLogger))
        {
            Repeat(logger, 60);
        }

        for (int i = 0; i < 60; i++)
        {
            part.LogCritical("critical");
        }

        Assert.That(_written.Lines.Count(), Is.EqualTo(180));
        Repeat(part, 1);
        Assert.That(_written.Lines.Count(), Is.EqualTo(180));
        Pass(1);
        Assert.That(_written.Lines.Count(), Is.EqualTo(181), "the sum");
    }

    [Test]
    public void Errors_are_written_in_a_flood_of_details()
    {
        ILogger[] loggers = [.. Enumerable.Range(0, 200).Select(i => _provider.CreateLogger($"Part {i}"))];
        var exception = new IOException("failed");
        for (int second = 0; second < 20; second++)
        {
            Array.ForEach(loggers, logger => logger.LogDebug("event"));
            loggers[second].LogError(exception, "error {Second}", second);
            loggers[second].LogWarning("warning {Second}", second);
            Pass(1);
        }

        Assert.That(
            _written.Lines.Where(line => line.Level == LogLevel.Error).Select(line => line.Message),
            Is.EqualTo(Enumerable.Range(0, 20).Select(second => $"error {second}")));
        Assert.That(_written.Lines.Count(line => line.Message.StartsWith("warning", StringComparison.Ordinal)), Is.EqualTo(20));
    }

    [Test]
    public void Lines_of_an_exception_count()
    {
        ILogger logger = _provider.CreateLogger("Part");
        Exception nested = Enumerable.Range(0, 49).Aggregate(new IOException("0"), (inner, i) => new IOException($"{i}", inner));
        for (int i = 0; i < 20; i++)
        {
            logger.LogError(nested, "failed");
        }

        Assert.That(_written.Lines.Count(), Is.EqualTo(LogLimit.OrdinaryLines / 51));
        Pass(1);
        Assert.That(_written.Lines.Last(), Is.EqualTo(
            (LogLevel.Error, "… and 17 more of several kinds in the last 1 s: the limit is 200 lines per second")));
    }

    [Test]
    public void Exception_is_at_most_a_hundred_lines()
    {
        Exception nested = Enumerable.Range(0, 500).Aggregate(new IOException("0"), (inner, i) => new IOException($"{i}", inner));

        Assert.That(ExceptionLines.CountOf(nested), Is.EqualTo(100));
    }

    [Test]
    public void Kinds_are_distinguished_up_to_a_limit_and_then_counted_as_one()
    {
        for (int i = 0; i < 10_000; i++)
        {
            if (i % 100 == 0)
            {
                _time.Advance(TimeSpan.FromSeconds(0.05)); // 5 s in total, which is one window
            }

            _provider.CreateLogger($"Part {i}").LogDebug("event");
        }

        Pass(5);

        Assert.That(Reported(), Is.EqualTo(10_000));
        Assert.That(_written.Lines.Select(line => line.Message), Has.Some.EndsWith(": (events of other kinds)"));
    }

    [Test]
    public void End_reports_the_events_not_yet_reported()
    {
        Repeat(_provider.CreateLogger("Part"), 100);
        Pass(3);

        _provider.Dispose();

        Assert.That(_written.Lines.Last().Message, Is.EqualTo("… and 80 more in the last 3 s: repeated"));
    }

    [Test]
    public void Event_that_is_not_enabled_is_not_counted()
    {
        using var provider = new LogLimit(new OneLogger(Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance), _time);
        ILogger logger = provider.CreateLogger("Part");
        Assert.That(logger.IsEnabled(LogLevel.Debug), Is.False);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            logger.Log(LogLevel.Debug, default, i, null, static (state, _) => state.ToString(null as IFormatProvider));
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1000));
    }

    private static void Repeat(ILogger logger, int times)
    {
        for (int i = 0; i < times; i++)
        {
            logger.LogInformation("repeated");
        }
    }

    private void Pass(int seconds)
    {
        for (int i = 0; i < seconds; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>Returns the number of events written or counted in summary lines.</summary>
    private long Reported() => _written.Lines.Sum(line =>
        line.Message.StartsWith('…') ? long.Parse(line.Message.Split(' ')[2]) : 1);

    private sealed class OneLogger(ILogger logger) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => logger;

        public void Dispose()
        {
        }
    }
}
