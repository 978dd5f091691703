using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.Tests.LoadClient.Sending;

public sealed class PacketSharesTests
{
    [TestCase(10, 3, new long[] { 4, 3, 3 })]
    [TestCase(2, 3, new long[] { 1, 1, 0 })]
    [TestCase(9, 3, new long[] { 3, 3, 3 })]
    public void Shares_are_even_and_sum_to_the_total(long total, int connections, long[] expected)
    {
        var shares = new PacketShares(total, connections);

        Assert.That(Enumerable.Range(0, connections).Select(shares.Of), Is.EqualTo(expected));
    }

    [TestCase(1003, 10, 10, new long[] { 103, 100, 100, 100, 100, 100, 100, 100, 100, 100 })]
    [TestCase(20, 2, 10, new long[] { 10, 10 })]
    [TestCase(15, 2, 10, new long[] { 10, 5 })]
    [TestCase(5, 3, 10, new long[] { 5, 0, 0 })]
    [TestCase(25, 2, 10, new long[] { 15, 10 })]
    public void Whole_writes_stay_together_and_the_last_holds_the_rest(long total, int connections, int unit, long[] expected)
    {
        var shares = new PacketShares(total, connections, unit);

        Assert.That(Enumerable.Range(0, connections).Select(shares.Of), Is.EqualTo(expected));
    }

    [Test]
    public void Connection_beyond_those_that_share_gets_nothing() => Assert.That(new PacketShares(10, 3).Of(3), Is.Zero);

    [Test]
    public void No_total_is_endless() => Assert.That(new PacketShares(null, 3).Of(0), Is.EqualTo(PacketShares.Endless));
}
