using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Tests.Hosting;

/// <summary>The exit code and the output of a program after parsing its options.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class ParseOutcomeTests : IDisposable
{
    private readonly SampleSet _options = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public void Dispose()
    {
        _output.Dispose();
        _error.Dispose();
    }

    [Test]
    public void Faultless_command_line_goes_on_in_silence()
    {
        Assert.That(_options.Parse("--port", "1").Conclude(_output, _error), Is.Null);
        Assert.That(_output.ToString() + _error, Is.Empty);
    }

    [TestCase("--help")]
    [TestCase("-h")]
    [TestCase("-?")]
    [TestCase("--port", "x", "--help")]
    public void Help_goes_to_standard_output_whatever_else_is_wrong(params string[] arguments)
    {
        Assert.That(_options.Parse(arguments).Conclude(_output, _error), Is.EqualTo(ExitCode.Success));
        Assert.That(_output.ToString(), Does.Contain("Usage: DotNettyFraming.Sample"));
        Assert.That(_error.ToString(), Is.Empty);
    }

    [Test]
    public void Version_goes_to_standard_output()
    {
        Assert.That(_options.Parse("--version").Conclude(_output, _error), Is.EqualTo(ExitCode.Success));
        Assert.That(_output.ToString(), Does.Match(@"^DotNettyFraming\.Sample \d+\.\d+\.\d+"));
    }

    [Test]
    public void Faults_go_to_standard_error_one_line_each()
    {
        ParsedOptions<SampleOptions> outcome = _options.ParseWith(("FRAMING_PROT", "80"), "--port", "a\nb", "--nonsense");

        Assert.That(outcome.Conclude(_output, _error), Is.EqualTo(ExitCode.Usage));
        Assert.That(_output.ToString(), Is.Empty);
        Assert.That(_error.ToString().Split(Environment.NewLine), Is.EqualTo(
        [
            "--nonsense: unknown option",
            @"--port: 'a\nb' is not an integer",
            "warning: FRAMING_PROT: unknown environment variable, ignored",
            "",
        ]));
    }

    [Test]
    public void Conflict_found_by_the_program_is_reported_with_the_other_faults()
    {
        ParsedOptions<SampleOptions> outcome = _options.ParseWith(("FRAMING_JSON", "a"), "--port", "x");
        outcome.Reject("--json", "needs --seed");
        outcome.Reject("--pace", "needs\n--seed");

        Assert.That(outcome.Conclude(_output, _error), Is.EqualTo(ExitCode.Usage));
        Assert.That(outcome.Errors, Is.EqualTo(
        [
            "--port: 'x' is not an integer",
            "--json (from FRAMING_JSON): needs --seed",
            @"--pace: needs\n--seed",
        ]));
    }

    [Test]
    public void Help_lists_every_option_with_placeholder_default_range_and_variable()
    {
        string help = _options.Set.HelpText.ReplaceLineEndings("\n");

        using (Assert.EnterMultipleScope())
        {
            foreach (OptionDeclaration option in _options.Set.Declarations)
            {
                Assert.That(help, Does.Contain($"\n  {option.Name} {option.Kind.Placeholder}".TrimEnd() + "\n"));
                Assert.That(help, Does.Contain($"Default: {option.DefaultText}."));
                Assert.That(help, Does.Contain($"{option.EnvironmentVariable}."));
                Assert.That(help, Does.Contain(option.Description));
            }

            Assert.That(help, Does.Contain("Range: 0 to 65535."));
            Assert.That(help, Does.Contain("--pace steady|slow-loris"));
            Assert.That(help, Does.Contain("DURATION is an integer and us, ms, s, m, h or d"));
            Assert.That(help.Split('\n'), Has.All.Length.LessThanOrEqualTo(100));
        }
    }

    [Test]
    public void Text_of_an_option_is_escaped() =>
        Assert.That(_options.Parse("--payload", "a\nb").Settings, Has.Member(@"--payload a\nb"));
}
