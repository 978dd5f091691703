using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Tests.Hosting;

[TestFixture]
internal sealed class DurationTextTests
{
    [TestCase("0", 0L)]
    [TestCase("000", 0L)]
    [TestCase("0s", 0L)]
    [TestCase("1us", 10L)]
    [TestCase("250ms", 2_500_000L)]
    [TestCase("300s", 3_000_000_000L)]
    [TestCase("007s", 70_000_000L)]
    [TestCase("5m", 3_000_000_000L)]
    [TestCase("2h", 72_000_000_000L)]
    [TestCase("30d", 25_920_000_000_000L)]
    [TestCase("256204778h", 256_204_778L * TimeSpan.TicksPerHour)]
    [TestCase("922337203685477580us", 9_223_372_036_854_775_800L)]
    public void Duration_in_any_unit_is_read(string text, long ticks)
    {
        Parsed<TimeSpan> parsed = DurationText.Parse(text);

        Assert.That(parsed.Fault, Is.Null);
        Assert.That(parsed.Value.Ticks, Is.EqualTo(ticks));
    }

    [TestCase("1")]
    [TestCase("300")]
    public void Duration_without_unit_is_a_fault(string text) =>
        Assert.That(DurationText.Parse(text).Fault, Does.StartWith("has no unit"));

    [TestCase("")]
    [TestCase("s")]
    [TestCase("-5s")]
    [TestCase("+5s")]
    [TestCase("1.5s")]
    [TestCase("5 s")]
    [TestCase(" 5s")]
    [TestCase("5s ")]
    [TestCase("5S")]
    [TestCase("5sec")]
    [TestCase("5w")]
    [TestCase("5m30s")]
    [TestCase("٥s")]
    [TestCase("00:05:00")]
    public void Text_of_another_shape_is_a_fault(string text) =>
        Assert.That(DurationText.Parse(text).Fault, Does.StartWith("is not a duration"));

    [TestCase("256204779h")]
    [TestCase("99999999999h")]
    [TestCase("922337203685477581us")]
    [TestCase("9223372036854775808us")]
    [TestCase("99999999999999999999999999999999999999ms")]
    public void Duration_longer_than_a_TimeSpan_is_a_fault(string text) =>
        Assert.That(DurationText.Parse(text).Fault, Does.Contain("out of range"));

    [TestCase("0")]
    [TestCase("1us")]
    [TestCase("1500us")]
    [TestCase("250ms")]
    [TestCase("60s")]
    [TestCase("300s")]
    [TestCase("599s")]
    [TestCase("10m")]
    [TestCase("2h")]
    [TestCase("8760h")]
    public void Duration_is_written_as_it_is_read(string text) =>
        Assert.That(DurationText.Format(DurationText.Parse(text).Value), Is.EqualTo(text));
}
