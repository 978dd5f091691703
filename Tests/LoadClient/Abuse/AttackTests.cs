using DotNettyFraming.LoadClient.Abuse;

namespace DotNettyFraming.Tests.LoadClient.Abuse;

public sealed class AttackTests
{
    [TestCase(0, 0, 1_000)]
    [TestCase(0, 1, 10)]
    [TestCase(9, 1, 10)]
    [TestCase(10, 1, 1_010)]
    [TestCase(5_432, 43, 6_430)]
    [TestCase(5_432, 143, 6_430)]
    [TestCase(5_432, 99, 5_990)]
    public void Peer_goes_on_at_its_own_moment_of_each_second(int now, int number, int next) =>
        Assert.That(Attack.NextMoment(TimeSpan.FromMilliseconds(now), number), Is.EqualTo(TimeSpan.FromMilliseconds(next)));

    [Test]
    public void Moments_are_spread_evenly_over_the_second() => Assert.That(
        Enumerable.Range(0, 200).Select(number => Attack.NextMoment(TimeSpan.FromSeconds(3), number).TotalMilliseconds).Order(),
        Is.EqualTo(Enumerable.Range(1, 100).SelectMany(moment => new[] { 3_000 + (10 * moment), 3_000 + (10 * moment) })));
}
