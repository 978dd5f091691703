using DotNettyFraming.LoadClient.Verification;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>The comparison of sent and received totals at its boundaries.</summary>
public sealed class SentTotalsTests
{
    private static readonly ServerStatistics Hundred = SampleStatistics.After(100);

    [Test]
    public void Range_contains_its_bounds_and_nothing_beyond()
    {
        var range = new CountRange(98, 100);

        Assert.That(Enumerable.Range(96, 7).Where(count => range.Contains(count)), Is.EqualTo(new[] { 98, 99, 100 }));
        Assert.That(Enumerable.Range(96, 7).Select(count => range.MissingFrom(count)), Is.EqualTo(new[] { 2, 1, 0, 0, 0, 0, 0 }));
        Assert.That(Enumerable.Range(96, 7).Select(count => range.ExcessOf(count)), Is.EqualTo(new[] { 0, 0, 0, 0, 0, 1, 2 }));
        Assert.That((range.IsExact, range.ToString()), Is.EqualTo((false, "98 to 100")));
    }

    [Test]
    public void Range_of_one_count_is_exact()
    {
        Assert.That(new CountRange(100_000, 100_000).IsExact);
        Assert.That(new CountRange(100_000, 100_000).ToString(), Is.EqualTo("100000"));
    }

    [Test]
    public void What_is_uncertain_raises_the_upper_bounds_only()
    {
        var sent = SentTotals.Of(certainPackets: 10, certainBytes: 320, uncertainPackets: 2, uncertainBytes: 70);

        Assert.That(sent, Is.EqualTo(new SentTotals(new CountRange(10, 12), new CountRange(320, 390))));
    }

    [TestCase(99, ExpectedResult = VerificationResult.Different)]
    [TestCase(100, ExpectedResult = VerificationResult.Exact)]
    [TestCase(101, ExpectedResult = VerificationResult.Different)]
    public object One_packet_more_or_less_is_a_difference(long processed) =>
        SampleStatistics.Sent(100).CompareWith(Hundred.With((PacketsProcessed, processed)));

    [TestCase(3199, ExpectedResult = VerificationResult.Different)]
    [TestCase(3200, ExpectedResult = VerificationResult.Exact)]
    [TestCase(3201, ExpectedResult = VerificationResult.Different)]
    public object One_byte_more_or_less_is_a_difference(long received) =>
        SampleStatistics.Sent(100).CompareWith(Hundred.With((BytesReceived, received)));

    [TestCase(89, 3200, ExpectedResult = VerificationResult.Different)]
    [TestCase(90, 3200, ExpectedResult = VerificationResult.WithinRange)]
    [TestCase(100, 3200, ExpectedResult = VerificationResult.WithinRange)]
    [TestCase(101, 3200, ExpectedResult = VerificationResult.Different)]
    [TestCase(95, 2879, ExpectedResult = VerificationResult.Different)]
    [TestCase(95, 2880, ExpectedResult = VerificationResult.WithinRange)]
    [TestCase(95, 3201, ExpectedResult = VerificationResult.Different)]
    public object Both_ranges_count_with_their_bounds(long processed, long received) => SampleStatistics.Sent(90, uncertain: 10)
        .CompareWith(Hundred.With((PacketsProcessed, processed), (BytesReceived, received)));

    [Test]
    public void Uncertain_bytes_alone_leave_a_range() =>
        Assert.That(SentTotals.Of(100, 3195, 0, 5).CompareWith(Hundred), Is.EqualTo(VerificationResult.WithinRange));

    [Test]
    public void Dropped_packets_are_a_difference_even_within_range() => Assert.That(
        SampleStatistics.Sent(90, uncertain: 10).CompareWith(SampleStatistics.After(100, dropped: 1)),
        Is.EqualTo(VerificationResult.Different));

    [Test]
    public void Nothing_sent_and_nothing_processed_is_exact() =>
        Assert.That(SampleStatistics.Sent(0).CompareWith(Hundred.Since(Hundred)), Is.EqualTo(VerificationResult.Exact));
}
