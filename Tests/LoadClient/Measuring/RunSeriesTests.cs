using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace DotNettyFraming.Tests.LoadClient.Measuring;

[CancelAfter(30_000)]
public sealed class RunSeriesTests
{
    [Test]
    public async Task Stall_is_one_long_sample_and_the_next_is_due_at_the_next_whole_second()
    {
        // Every reading advances the clock, so that even a sample taken too early has a length.
        var clock = new FakeTimeProvider { AutoAdvanceAmount = TimeSpan.FromTicks(1) };
        using var over = new CancellationTokenSource();
        var series = new RunSeries([], clock);
        Task sampling = series.RunAsync(TimeSpan.FromSeconds(100), over.Token);
        PassTo(1);
        PassTo(57.3);
        PassTo(58);
        PassTo(59);
        await over.CancelAsync();
        await sampling.WaitAsync(Peer.Patience);

        Assert.That(series.Samples.Select(sample => sample.End.TotalSeconds), Is.EqualTo(new[] { 1, 57.3, 58, 59 }).Within(0.001));
        Assert.That(series.Samples.Select(sample => sample.Length.TotalSeconds), Is.EqualTo(new[] { 1, 56.3, 0.7, 1 }).Within(0.001));

        void PassTo(double second)
        {
            int samples = series.Samples.Count;
            clock.Advance(TimeSpan.FromSeconds(second) - (clock.GetUtcNow() - clock.Start));
            Eventually.That(() => series.Samples.Count, Is.GreaterThan(samples));
        }
    }
}
