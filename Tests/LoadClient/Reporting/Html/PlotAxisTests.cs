using DotNettyFraming.LoadClient.Reporting.Html;

namespace DotNettyFraming.Tests.LoadClient.Reporting.Html;

public sealed class PlotAxisTests
{
    [TestCase(0, "0 1")]
    [TestCase(1, "0 1")]
    [TestCase(3, "0 1 2 3")]
    [TestCase(157_085, "0 50_k 100_k 150_k 200_k")]
    [TestCase(10_000, "0 2_k 4_k 6_k 8_k 10_k")]
    [TestCase(1_200_000, "0 500_k 1_M 1.5_M")]
    public void Counts_go_from_0_to_a_round_number(double greatest, string labels)
    {
        var axis = PlotAxis.Count(greatest, "");

        Assert.That(Labels(axis), Is.EqualTo(labels));
        Assert.That(axis.Max, Is.GreaterThan(greatest), "the line is whole");
    }

    [TestCase(2, "0 1 2", "seconds")]
    [TestCase(60, "0 10 20 30 40 50 60", "seconds")]
    [TestCase(119, "0 20 40 60 80 100", "seconds")]
    [TestCase(120, "0 1 2", "minutes")]
    [TestCase(3_600, "0 10 20 30 40 50 60", "minutes")]
    [TestCase(86_400, "0 4 8 12 16 20 24", "hours")]
    [TestCase(24 * 86_400, "0 4 8 12 16 20 24", "days")]
    [TestCase(90 * 86_400, "0 20 40 60 80", "days")]
    public void Time_is_in_the_unit_that_suits_its_length(double seconds, string labels, string unit)
    {
        var axis = PlotAxis.Time(TimeSpan.FromSeconds(seconds));

        Assert.That(Labels(axis), Is.EqualTo(labels));
        Assert.That(axis.Title, Does.StartWith(unit));
        Assert.That(axis.Max, Is.EqualTo(seconds));
    }

    [TestCase(0, 0, "≤_1_µs 10_µs")]
    [TestCase(0, 45_000, "≤_1_µs 10_µs 100_µs 1_ms 10_ms 100_ms")]
    [TestCase(100, 100, "100_µs 1_ms")]
    [TestCase(250, 9_000_000, "100_µs 1_ms 10_ms 100_ms 1_s 10_s")]
    public void Latencies_have_whole_decades(double least, double greatest, string labels)
    {
        var axis = PlotAxis.Latency(least, greatest);

        Assert.That(Labels(axis), Is.EqualTo(labels));
        Assert.That(axis.Place(least), Is.InRange(axis.Min, axis.Max));
        Assert.That(axis.Place(greatest), Is.InRange(axis.Min, axis.Max));
    }

    [TestCase(1, "0 90")]
    [TestCase(99, "0 90")]
    [TestCase(10_000, "0 90 99 99.9 99.99")]
    [TestCase(1_000_000_000, "0 99 99.99 99.9999 99.999999")]
    public void Percentiles_go_as_far_as_there_are_values(long count, string labels) =>
        Assert.That(Labels(PlotAxis.Percentile(count)), Is.EqualTo(labels));

    private static string Labels(PlotAxis axis) =>
        string.Join(' ', axis.Ticks.Where(tick => tick.Label.Length > 0).Select(tick => tick.Label.Replace(' ', '_')));
}
