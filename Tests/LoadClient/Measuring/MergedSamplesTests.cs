using DotNettyFraming.LoadClient.Measuring;

namespace DotNettyFraming.Tests.LoadClient.Measuring;

public sealed class MergedSamplesTests
{
    [Test]
    public void Series_that_is_short_enough_stays_as_it_is()
    {
        SecondSample[] series = [Sample(1), Sample(2), Sample(3)];

        Assert.That(RunSeries.Merge(series, max: 3), Is.SameAs(series));
    }

    [Test]
    public void Neighbours_are_added_up_and_the_greatest_latency_stays()
    {
        SecondSample[] series =
        [
            Sample(1) with { Packets = 10, Bytes = 320, Open = 5, Late = 1, Write = new Latency(10, 1, 2, 30, 4, 5) },
            Sample(2) with { Packets = 20, Bytes = 640, Open = 4, Late = 2, Write = new Latency(20, 2, 1, 3, 40, 50) },
            Sample(3) with { Packets = 7 },
        ];

        IReadOnlyList<SecondSample> merged = RunSeries.Merge(series, max: 2);

        Assert.That(merged, Is.EqualTo(new[]
        {
            new SecondSample(
                TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2), Packets: 30, Bytes: 960, Open: 4, Late: 3, Connect: default,
                Write: new Latency(30, 2, 2, 30, 40, 50)),
            series[2],
        }));
        Assert.That(merged[0].PacketsPerSecond, Is.EqualTo(15));
    }

    [TestCase(2_000, 2_000, 2_000)]
    [TestCase(2_001, 2_000, 1_001)]
    [TestCase(86_400, 600, 600)]
    public void No_more_are_left_than_asked_for(int samples, int most, int left)
    {
        IReadOnlyList<SecondSample> merged = RunSeries.Merge([.. Enumerable.Range(1, samples).Select(Sample)], most);

        Assert.That(merged, Has.Count.EqualTo(left));
        Assert.That(merged.Sum(sample => sample.Packets), Is.EqualTo(samples));
        Assert.That(merged[^1].End, Is.EqualTo(TimeSpan.FromSeconds(samples)));
    }

    [TestCase(0, 1)]
    [TestCase(400, 1)]
    [TestCase(600, 2)]
    public void Short_last_interval_goes_with_the_one_before(int milliseconds, int left)
    {
        SecondSample last = Sample(2) with { Length = TimeSpan.FromMilliseconds(milliseconds) };

        IReadOnlyList<SecondSample> merged = RunSeries.Merge([Sample(1), last], max: 10);

        Assert.That(merged, Has.Count.EqualTo(left));
        Assert.That(merged.Sum(sample => sample.Packets), Is.EqualTo(2));
    }

    private static SecondSample Sample(int second) =>
        new(TimeSpan.FromSeconds(second), TimeSpan.FromSeconds(1), 1, 32, 1, 0, default, default);
}
