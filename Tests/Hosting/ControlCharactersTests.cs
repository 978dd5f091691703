using DotNettyFraming.Hosting;

namespace DotNettyFraming.Tests.Hosting;

[TestFixture]
internal sealed class ControlCharactersTests
{
    [TestCase('\r', @"\r")]
    [TestCase('\n', @"\n")]
    [TestCase('\t', @"\t")]
    public void Character_with_a_short_escape_has_that(char character, string expected) =>
        Assert.That(ControlCharacters.Escape($"a{character}{character}b"), Is.EqualTo($"a{expected}{expected}b"));

    // As numbers, because the runner loses the results of tests with control characters in their names.
    [TestCase(0x0000)]
    [TestCase(0x001B, Description = "escape")]
    [TestCase(0x001F)]
    [TestCase(0x007F, Description = "delete")]
    [TestCase(0x0085, Description = "next line")]
    [TestCase(0x009B, Description = "control sequence introducer")]
    [TestCase(0x2028, Description = "line separator")]
    [TestCase(0x2029, Description = "paragraph separator")]
    [TestCase(0x202E, Description = "right-to-left override")]
    public void Character_that_leaves_its_line_is_escaped(int code) =>
        Assert.That(ControlCharacters.Escape($"a{(char)code}b"), Is.EqualTo($@"a\u{code:X4}b"));

    [TestCase("")]
    [TestCase(@"C:\new ~ täglich 日本 🙂")]
    public void Printable_text_stays_as_it_is(string text) =>
        Assert.That(ControlCharacters.Escape(text), Is.SameAs(text));

    [Test]
    public void Startup_failure_stays_on_one_line() =>
        Assert.That(new StartupException("a\nb").Message, Is.EqualTo(@"a\nb"));
}
