using DotNettyFraming.CommandLine;
using DotNettyFraming.Server.Hosting;

namespace DotNettyFraming.Tests.Server.Hosting;

public sealed class ServerCommandLineTests
{
    private readonly ServerCommandLine _commandLine = new();

    [TestCase("0", 0)]
    [TestCase("1000", 1000)]
    [TestCase("32KiB", 32_768)]
    [TestCase("65535", 65_535)]
    public void Max_payload_is_a_size(string text, int bytes)
    {
        ParseOutcome outcome = Parse("--max-payload", text);

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(_commandLine.Read(outcome).MaxPayloadBytes, Is.EqualTo(bytes));
    }

    [Test]
    public void Max_payload_above_what_a_header_can_say_is_out_of_range() =>
        Assert.That(Parse("--max-payload", "64KiB").Errors, Is.EqualTo(["--max-payload: '64KiB' is out of range (0 to 65535)"]));

    private ParseOutcome Parse(params string[] arguments) => _commandLine.Set.Parse(arguments, new Dictionary<string, string>());
}
