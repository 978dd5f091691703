using DotNettyFraming.Benchmarks.Comparison;

namespace DotNettyFraming.Tests.Benchmarks;

public sealed class StatisticsTests
{
    [Test]
    public void Median_of_an_odd_number_is_the_middle_value() =>
        Assert.That(Statistics.Of([9, 1, 2]), Is.EqualTo(new Statistics(Median: 2, Min: 1, Max: 9, Count: 3)));

    [Test]
    public void Median_of_an_even_number_is_the_mean_of_the_middle_two() =>
        Assert.That(Statistics.Of([8, 1, 2, 4]), Is.EqualTo(new Statistics(Median: 3, Min: 1, Max: 8, Count: 4)));

    [Test]
    public void One_value_is_median_minimum_and_maximum() =>
        Assert.That(Statistics.Of([5]), Is.EqualTo(new Statistics(5, 5, 5, 1)));

    [Test]
    public void Statistics_of_no_values_are_null() => Assert.That(Statistics.Of([]), Is.Null);
}
