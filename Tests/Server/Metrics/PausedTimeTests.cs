using System.Diagnostics;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Tests.Server.Metrics;

public sealed class PausedTimeTests
{
    [Test]
    public void Current_and_ended_pauses_count()
    {
        var paused = new PausedTime();
        long start = Stopwatch.GetTimestamp();
        Assert.That(paused.Total, Is.EqualTo(TimeSpan.Zero));

        paused.Change(1);
        paused.Change(1);
        SpinWait.SpinUntil(() => paused.Total >= TimeSpan.FromMilliseconds(40), TimeSpan.FromSeconds(20));
        paused.Change(-1);
        paused.Change(-1);
        TimeSpan both = paused.Total;
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);

        Assert.That(both, Is.InRange(TimeSpan.FromMilliseconds(40), 2 * elapsed));
        Assert.That(paused.Total, Is.EqualTo(both));
    }
}
