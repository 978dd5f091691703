using DotNettyFraming.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.Hosting;

[TestFixture]
public class AlignedTimerTests
{
    [Test]
    public void Timers_started_at_different_times_tick_together()
    {
        var time = new FakeTimeProvider();
        var ticks = new List<string>();
        time.Advance(TimeSpan.FromMilliseconds(300));
        using ITimer first = time.CreateAlignedTimer(() => ticks.Add("first"), TimeSpan.FromSeconds(1));
        time.Advance(TimeSpan.FromMilliseconds(500));
        using ITimer second = time.CreateAlignedTimer(() => ticks.Add("second"), TimeSpan.FromSeconds(1));

        time.Advance(TimeSpan.FromMilliseconds(199));
        Assert.That(ticks, Is.Empty);

        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(ticks, Is.EquivalentTo(["first", "second"]));

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(ticks, Is.EquivalentTo(["first", "second", "first", "second"]));
    }
}
