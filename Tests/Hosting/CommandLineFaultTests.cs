using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Tests.Hosting;

/// <summary>Faults of a command line that do not depend on the kind of option.</summary>
[TestFixture]
internal sealed class CommandLineFaultTests
{
    private readonly SampleSet _options = new();

    [TestCase("--nonsense")]
    [TestCase("--PORT")]
    [TestCase("-p")]
    public void Unknown_option_is_one_fault_with_its_value(string name)
    {
        Assert.That(_options.Parse(name).Errors, Is.EqualTo([$"{name}: unknown option"]));
        Assert.That(_options.Parse(name, "5").Errors, Is.EqualTo([$"{name}: unknown option"]));
        Assert.That(_options.Parse($"{name}=5").Errors, Is.EqualTo([$"{name}: unknown option"]));
    }

    [TestCase("stray")]
    [TestCase("")]
    [TestCase("-")]
    [TestCase("@file")]
    [TestCase("[diagram]")]
    [TestCase("[suggest:3]")]
    [TestCase("DotNettyFraming.Sample")]
    public void Argument_without_option_is_a_fault(string text) =>
        Assert.That(
            _options.Parse(text, "--port", "1").Errors,
            Is.EqualTo([$"'{text}': unexpected; a value stands after the name of its option"]));

    [TestCase("--port")]
    [TestCase("--port=")]
    [TestCase("--port", "--check")]
    [TestCase("--port", "--")]
    public void Missing_value_is_a_fault(params string[] arguments) =>
        Assert.That(_options.Parse(arguments).Errors, Is.EqualTo(["--port: needs a value (PORT)"]));

    [TestCase("--port", "1", "--port", "1")]
    [TestCase("--port", "--port")]
    [TestCase("--port=1", "--check", "--port:2")]
    public void Option_given_twice_is_a_fault(params string[] arguments) =>
        Assert.That(_options.Parse(arguments).Errors, Is.EqualTo(["--port: given 2 times; once says which value is meant"]));

    [Test]
    public void Flag_given_twice_is_a_fault() =>
        Assert.That(_options.Parse("--check", "--check").Errors, Is.EqualTo(["--check: given 2 times; once says which value is meant"]));

    [TestCase(true, "--check")]
    [TestCase(true, "--check", "true")]
    [TestCase(true, "--check=true")]
    [TestCase(false, "--check=false")]
    [TestCase(false, "--check", "false")]
    public void Flag_is_on_unless_it_says_false(bool expected, params string[] arguments)
    {
        ParsedOptions<SampleOptions> outcome = _options.Parse(arguments);

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(outcome.Options.Check, Is.EqualTo(expected));
    }

    [TestCase("--check=maybe")]
    [TestCase("--check:maybe")]
    public void Flag_with_another_value_is_a_fault_that_names_it(string argument) =>
        Assert.That(_options.Parse(argument).Errors, Is.EqualTo(["--check: 'maybe' is neither true nor false"]));

    [Test]
    public void Second_value_is_no_part_of_the_first() =>
        Assert.That(
            _options.Parse("--port=1", "1").Errors,
            Is.EqualTo(["'1': unexpected; a value stands after the name of its option"]));

    [Test]
    public void Option_after_two_dashes_is_a_fault() =>
        Assert.That(_options.Parse("--", "--port", "1").Errors, Is.EqualTo(["--port: stands after --, where no options are read"]));

    [Test]
    public void All_faults_are_reported_together()
    {
        ParsedOptions<SampleOptions> outcome = _options.ParseWith(
            ("FRAMING_WORK", "soon"),
            "--port", "70000", "--nonsense", "--idle-timeout", "5", "stray", "--pace", "fast", "--json", "--seed", "x");

        Assert.That(outcome.Errors, Is.EquivalentTo(
        [
            "--nonsense: unknown option",
            "'stray': unexpected; a value stands after the name of its option",
            "--port: '70000' is out of range (0 to 65535)",
            "--seed: 'x' is not an integer",
            "--idle-timeout: '5' has no unit (an integer and us, ms, s, m, h or d; only 0 may be bare)",
            "--work (from FRAMING_WORK): 'soon' is not a duration (an integer and us, ms, s, m, h or d; only 0 may be bare)",
            "--json: needs a value (FILE)",
            "--pace: 'fast' is none of steady, slow-loris",
        ]));
    }

    [Test]
    public void Quoted_text_is_escaped_and_shortened()
    {
        string text = "\u001B[2J\r\n" + new string('x', 1_000_000);

        string fault = _options.Parse("--port", text).Errors.Single();

        Assert.That(fault, Does.StartWith(@"--port: '\u001B[2J\r\nxxx").And.EndsWith("x…' is not an integer"));
        Assert.That(fault, Has.Length.LessThan(200));
    }

    [Test]
    public void Unknown_option_is_escaped_and_shortened() =>
        Assert.That(
            _options.Parse("--\n" + new string('x', 1_000)).Errors.Single(),
            Does.StartWith(@"--\nxxx").And.EndsWith("…: unknown option").And.Length.LessThan(200));
}
