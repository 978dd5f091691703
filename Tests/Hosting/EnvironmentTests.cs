using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Tests.Hosting;

[TestFixture]
internal sealed class EnvironmentTests
{
    private readonly SampleSet _options = new();

    [Test]
    public void Every_option_has_a_variable_named_after_it() =>
        Assert.That(
            _options.Set.Declarations.Select(option => option.EnvironmentVariable),
            Is.EqualTo(_options.Set.Declarations.Select(option => $"FRAMING_{option.Name[2..].Replace('-', '_').ToUpperInvariant()}"))
                .And.Contains("FRAMING_IDLE_TIMEOUT"));

    [Test]
    public void Variable_gives_the_value()
    {
        ParsedOptions<SampleOptions> outcome = _options.ParseWith(("FRAMING_IDLE_TIMEOUT", "6m"));

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(outcome.Options.IdleTimeout, Is.EqualTo(TimeSpan.FromMinutes(6)));
        Assert.That(outcome.Settings, Has.Member("--idle-timeout 360s (FRAMING_IDLE_TIMEOUT)"));
    }

    [Test]
    public void Command_line_wins_over_a_variable_even_a_faulty_one()
    {
        Assert.That(_options.ParseWith(("FRAMING_PORT", "80"), "--port", "81").Options.Port, Is.EqualTo(81));
        Assert.That(_options.ParseWith(("FRAMING_PORT", "x"), "--port", "81").Errors, Is.Empty);
    }

    [Test]
    public void Empty_variable_is_unset()
    {
        ParsedOptions<SampleOptions> outcome = _options.ParseWith(("FRAMING_PORT", ""));

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(outcome.IsGiven("--port"), Is.False);
    }

    [Test]
    public void Faulty_variable_is_named_in_its_fault() =>
        Assert.That(
            _options.ParseWith(("FRAMING_PORT", "70000")).Errors,
            Is.EqualTo(["--port (from FRAMING_PORT): '70000' is out of range (0 to 65535)"]));

    [TestCase("true", true)]
    [TestCase("false", false)]
    public void Flag_is_what_its_variable_says(string text, bool expected) =>
        Assert.That(_options.ParseWith(("FRAMING_CHECK", text)).Options.Check, Is.EqualTo(expected));

    [TestCase("1")]
    [TestCase("yes")]
    public void Flag_with_another_text_is_a_fault(string text) =>
        Assert.That(
            _options.ParseWith(("FRAMING_CHECK", text)).Errors,
            Is.EqualTo([$"--check (from FRAMING_CHECK): '{text}' is neither true nor false"]));

    [Test]
    public void Flag_switched_on_by_a_variable_is_switched_off_by_the_command_line() =>
        Assert.That(_options.ParseWith(("FRAMING_CHECK", "true"), "--check=false").Options.Check, Is.False);

    [TestCase("FRAMING_PROT")]
    [TestCase("FRAMING_port")]
    [TestCase("FRAMING_HELP")]
    [TestCase("FRAMING_")]
    public void Unknown_variable_is_a_warning(string name)
    {
        ParsedOptions<SampleOptions> outcome = _options.ParseWith((name, "1"));

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(outcome.Warnings, Is.EqualTo([$"{name}: unknown environment variable, ignored"]));
    }

    [TestCase("FRAMING_PROT", "")]
    [TestCase("FRAMING_LOAD_RATE", "5")]
    [TestCase("FRAMING_LOAD_NONSENSE", "5")]
    [TestCase("MY_FRAMING_PORT", "5")]
    [TestCase("PATH", "/bin")]
    public void Unknown_empty_variable_or_one_of_the_load_client_gets_no_warning(string name, string value) =>
        Assert.That(_options.ParseWith((name, value)).Warnings, Is.Empty);

    // The variables that a kubelet sets for a Service named `framing` or `framing-load`.
    [TestCase("FRAMING_", null)]
    [TestCase("FRAMING_", "FRAMING_PORT: 'tcp://10.96.0.12:9999' is not a port but a Kubernetes service link, ignored")]
    [TestCase("FRAMING_LOAD_", null)]
    [TestCase("FRAMING_LOAD_", "FRAMING_LOAD_PORT: 'tcp://10.96.0.12:9999' is not a port but a Kubernetes service link, ignored")]
    public void Kubernetes_service_links_are_ignored(string prefix, string? warning)
    {
        var environment = new Dictionary<string, string> { [$"{prefix}PORT"] = "tcp://10.96.0.12:9999" };
        if (warning is null)
        {
            foreach (string name in new[]
            {
                "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_DATA",
                "PORT_9999_TCP", "PORT_9999_TCP_PROTO", "PORT_9999_TCP_PORT", "PORT_9999_TCP_ADDR",
            })
            {
                environment[prefix + name] = "9999";
            }
        }

        var options = new SampleSet(prefix);
        ParsedOptions<SampleOptions> outcome = options.Set.Parse([], environment);

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(outcome.Options.Port, Is.EqualTo(9999));
        Assert.That(outcome.Warnings, Is.EqualTo(warning is null ? [] : new[] { warning }));
    }

    [Test]
    public void Port_next_to_service_links_is_the_users_own()
    {
        var environment = new Dictionary<string, string> { ["FRAMING_SERVICE_HOST"] = "10.96.0.12", ["FRAMING_PORT"] = "x" };

        Assert.That(
            new SampleSet().Set.Parse([], environment).Errors,
            Is.EqualTo(["--port (from FRAMING_PORT): 'x' is not an integer"]));
    }

    [Test]
    public void Load_client_has_its_own_prefix()
    {
        var client = new SampleSet(EnvironmentPrefix.LoadClient);

        Assert.That(client.ParseWith(("FRAMING_LOAD_PORT", "80")).Options.Port, Is.EqualTo(80));
        Assert.That(client.ParseWith(("FRAMING_PORT", "80")).Options.Port, Is.EqualTo(9999));
        Assert.That(client.ParseWith(("FRAMING_PROT", "80")).Warnings, Is.Empty);
        Assert.That(client.ParseWith(("FRAMING_LOAD_PROT", "80")).Warnings, Has.One.StartsWith("FRAMING_LOAD_PROT: unknown"));
    }

    [Test]
    public void Environment_of_the_process_is_read()
    {
        const string Variable = "FRAMING_LOAD_ONLY_IN_THIS_TEST";
        var client = new SampleSet(EnvironmentPrefix.LoadClient);
        Environment.SetEnvironmentVariable(Variable, "1");
        try
        {
            Assert.That(client.Set.Parse([]).Warnings, Has.One.StartsWith(Variable));
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, null);
        }
    }
}
