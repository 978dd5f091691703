using DotNettyFraming.Benchmarks.Comparison;

namespace DotNettyFraming.Tests.Benchmarks;

public sealed class StatisticsTests
{
    [Test]
    public void Odd_number_of_values_has_the_middle_one_as_its_median() =>
        Assert.That(Statistics.Of([9, 1, 2]), Is.EqualTo(new Statistics(Median: 2, Min: 1, Max: 9, Count: 3)));

    [Test]
    public void Even_number_of_values_has_the_mean_of_the_middle_two_as_its_median() =>
        Assert.That(Statistics.Of([8, 1, 2, 4]), Is.EqualTo(new Statistics(Median: 3, Min: 1, Max: 8, Count: 4)));

    [Test]
    public void One_value_is_median_and_both_ends() =>
        Assert.That(Statistics.Of([5]), Is.EqualTo(new Statistics(5, 5, 5, 1)));

    [Test]
    public void No_values_have_no_statistics() => Assert.That(Statistics.Of([]), Is.Null);
}
