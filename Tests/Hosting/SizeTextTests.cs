using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Tests.Hosting;

[TestFixture]
internal sealed class SizeTextTests
{
    [TestCase("0", 0L)]
    [TestCase("0KiB", 0L)]
    [TestCase("65535", 65_535L)]
    [TestCase("64KiB", 65_536L)]
    [TestCase("512MiB", 536_870_912L)]
    [TestCase("1GiB", 1_073_741_824L)]
    [TestCase("9223372036854775807", long.MaxValue)]
    [TestCase("8589934591GiB", 8_589_934_591L << 30)]
    public void Size_in_any_unit_is_read(string text, long bytes)
    {
        Parsed<long> parsed = SizeText.Parse(text);

        Assert.That(parsed.Fault, Is.Null);
        Assert.That(parsed.Value, Is.EqualTo(bytes));
    }

    [TestCase("")]
    [TestCase("KiB")]
    [TestCase("-1")]
    [TestCase("+1")]
    [TestCase("1.5MiB")]
    [TestCase("64 KiB")]
    [TestCase("64kib")]
    [TestCase("64KB")]
    [TestCase("64K")]
    [TestCase("0x10")]
    [TestCase("1TiB")]
    public void Text_of_another_shape_is_a_fault(string text) =>
        Assert.That(SizeText.Parse(text).Fault, Does.StartWith("is not a size"));

    [TestCase("9223372036854775808")]
    [TestCase("8589934592GiB")]
    [TestCase("99999999999999999999999999999MiB")]
    public void Size_above_64_bits_is_a_fault(string text) =>
        Assert.That(SizeText.Parse(text).Fault, Does.Contain("out of range"));

    [TestCase("0")]
    [TestCase("1")]
    [TestCase("65535")]
    [TestCase("64KiB")]
    [TestCase("512MiB")]
    [TestCase("3GiB")]
    public void Size_is_written_as_it_is_read(string text) =>
        Assert.That(SizeText.Format(SizeText.Parse(text).Value), Is.EqualTo(text));
}
