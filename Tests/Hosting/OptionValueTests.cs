using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Tests.Hosting;

/// <summary>The value or fault of each kind of option for a text.</summary>
[TestFixture]
internal sealed class OptionValueTests
{
    private readonly SampleSet _options = new();

    [Test]
    public void Option_that_is_not_given_has_its_default()
    {
        ParsedOptions<SampleOptions> outcome = _options.Parse();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.Errors, Is.Empty);
            Assert.That(outcome.Warnings, Is.Empty);
            Assert.That(outcome.Options.Port, Is.EqualTo(9999));
            Assert.That(outcome.Options.Seed, Is.Null);
            Assert.That(outcome.Options.IdleTimeout, Is.EqualTo(TimeSpan.FromMinutes(5)));
            Assert.That(outcome.Options.MaxBuffered, Is.EqualTo(536_870_912));
            Assert.That(outcome.Options.Payload, Is.EqualTo("12345"));
            Assert.That(outcome.Options.Json, Is.Null);
            Assert.That(outcome.Options.Pace, Is.EqualTo(SamplePace.Steady));
            Assert.That(outcome.Options.Split, Is.Null);
            Assert.That(outcome.Options.Check, Is.False);
            Assert.That(outcome.Options.Range, Is.EqualTo((0, 0)));
            Assert.That(outcome.IsGiven("--port"), Is.False);
            Assert.That(outcome.Settings, Has.Member("--port 9999 (default)").And.Member("--idle-timeout 300s (default)"));
        }
    }

    [Test]
    public void Option_that_is_given_has_its_value()
    {
        ParsedOptions<SampleOptions> outcome = _options.Parse(
            "--port", "80", "--seed=-5", "--idle-timeout", "5m", "--max-buffered", "64KiB", "--payload", "hello world",
            "--json", "a/b.json", "--pace", "slow-loris", "--split:steady", "--check", "--range", "1-7");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.Errors, Is.Empty);
            Assert.That(outcome.Options.Port, Is.EqualTo(80));
            Assert.That(outcome.Options.Seed, Is.EqualTo(-5));
            Assert.That(outcome.Options.IdleTimeout, Is.EqualTo(TimeSpan.FromMinutes(5)));
            Assert.That(outcome.Options.MaxBuffered, Is.EqualTo(65_536));
            Assert.That(outcome.Options.Payload, Is.EqualTo("hello world"));
            Assert.That(outcome.Options.Json, Is.EqualTo("a/b.json"));
            Assert.That(outcome.Options.Pace, Is.EqualTo(SamplePace.SlowLoris));
            Assert.That(outcome.Options.Split, Is.EqualTo(SamplePace.Steady));
            Assert.That(outcome.Options.Check, Is.True);
            Assert.That(outcome.Options.Range, Is.EqualTo((1, 7)));
            Assert.That(outcome.IsGiven("--port"), Is.True);
            Assert.That(outcome.Settings, Has.Member("--port 80").And.Member("--idle-timeout 300s"));
        }
    }

    [Test]
    public void Text_of_an_option_is_the_value_that_holds_in_one_way_of_writing()
    {
        ParsedOptions<SampleOptions> given = _options.Parse(
            "--port", "0080", "--seed", "7", "--idle-timeout", "007s", "--max-buffered", "1048576", "--json", "a.json",
            "--pace", "slow-loris", "--split", "steady", "--check=TRUE", "--range", "01-7", "--work", "soon");
        ParsedOptions<SampleOptions> nothing = _options.Parse();

        Assert.That(
            given.Settings.Select(line => line.Split(' ')[1]),
            Is.EqualTo(["80", "7", "7s", "0", "1MiB", "12345", "a.json", "slow-loris", "steady", "on", "1-7"]));
        Assert.That(
            nothing.Settings.Select(line => line.Split(' ')[1]),
            Is.EqualTo(["9999", "random", "300s", "0", "512MiB", "12345", "none", "steady", "none", "off", "0-0"]));
    }

    [TestCase("--port", "0")]
    [TestCase("--port", "65535")]
    [TestCase("--seed", "-5")]
    [TestCase("--seed", "9223372036854775807")]
    [TestCase("--idle-timeout", "250ms")]
    [TestCase("--idle-timeout", "1h")]
    [TestCase("--work", "8760h")]
    [TestCase("--max-buffered", "1KiB")]
    [TestCase("--max-buffered", "1GiB")]
    public void Value_at_its_limit_is_accepted(string name, string text) => Assert.That(_options.Parse(name, text).Errors, Is.Empty);

    [TestCase("--port", "-1", "0 to 65535")]
    [TestCase("--port", "65536", "0 to 65535")]
    [TestCase("--port", "99999999999999999999", "0 to 65535")]
    [TestCase("--seed", "-6", "-5 or more")]
    [TestCase("--seed", "9223372036854775808", "-5 or more")]
    [TestCase("--idle-timeout", "249999us", "250ms to 1h")]
    [TestCase("--idle-timeout", "3600001ms", "250ms to 1h")]
    [TestCase("--idle-timeout", "0", "250ms to 1h")]
    [TestCase("--idle-timeout", "99999999999h", "too long")]
    [TestCase("--work", "8761h", "0 to 8760h")]
    [TestCase("--max-buffered", "1023", "1KiB to 1GiB")]
    [TestCase("--max-buffered", "1073741825", "1KiB to 1GiB")]
    [TestCase("--max-buffered", "9223372036854775808", "too large")]
    public void Value_past_its_limit_is_a_fault(string name, string text, string range) =>
        Assert.That(_options.Parse(name, text).Errors, Is.EqualTo([$"{name}: '{text}' is out of range ({range})"]));

    [TestCase("--port", "", "is not an integer")]
    [TestCase("--port", "-", "is not an integer")]
    [TestCase("--port", "+1", "is not an integer")]
    [TestCase("--port", "1e3", "is not an integer")]
    [TestCase("--port", "1_000", "is not an integer")]
    [TestCase("--port", " 1", "is not an integer")]
    [TestCase("--port", "０", "is not an integer")]
    [TestCase("--json", "", "is empty, which names no file")]
    [TestCase("--pace", "SlowLoris", "is none of steady, slow-loris")]
    [TestCase("--pace", "0", "is none of steady, slow-loris")]
    [TestCase("--split", "", "is none of steady, slow-loris")]
    [TestCase("--range", "7", "is not MIN-MAX")]
    public void Value_of_another_shape_is_a_fault(string name, string text, string fault) =>
        Assert.That(_options.Parse(name, text).Errors, Is.EqualTo([$"{name}: '{text}' {fault}"]));

    [Test]
    public void Path_with_a_zero_character_is_a_fault() =>
        Assert.That(
            _options.Parse("--json", "a\0b").Errors,
            Is.EqualTo([@"--json: 'a\u0000b' contains a zero character, which no path may"]));

    [Test]
    public void Faulty_option_counts_as_given_and_has_its_default()
    {
        ParsedOptions<SampleOptions> outcome = _options.Parse("--port", "x");

        Assert.That(outcome.IsGiven("--port"), Is.True);
        Assert.That(outcome.Options.Port, Is.EqualTo(9999));
    }

    [TestCase("@/etc/hostname")]
    [TestCase("@missing")]
    [TestCase("")]
    [TestCase(" ")]
    [TestCase("-5")]
    [TestCase("--what")]
    [TestCase("[diagram]")]
    [TestCase("DotNettyFraming.Sample")]
    [TestCase("a=b:c")]
    public void Text_is_taken_literally(string text)
    {
        ParsedOptions<SampleOptions> outcome = _options.Parse("--payload", text);

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(outcome.Options.Payload, Is.EqualTo(text));
    }

    [Test]
    public void Text_that_is_an_option_is_taken_literally_after_an_equals_sign() =>
        Assert.That(_options.Parse("--payload=--port=80").Options.Payload, Is.EqualTo("--port=80"));

    [Test]
    public void Option_declared_twice_is_refused() =>
        Assert.That(() => _options.Set.Add("--port", OptionKind.Flag, false, (o, _) => o, "Again."), Throws.ArgumentException);
}
