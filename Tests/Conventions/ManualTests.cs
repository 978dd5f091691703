using System.Text.RegularExpressions;
using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Senders;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Conventions;

/// <summary>The manual's tables of options equal <c>--help</c>: options, defaults, order.</summary>
internal sealed partial class ManualTests
{
    private static IEnumerable<TestCaseData> Programs()
    {
        yield return Case("Server", "docs/operations.md", "## Server options", ServerCommandLine.Declare());
        yield return Case("LoadClient", "docs/load-client.md", "## Load client options", LoadOptionDeclarations.Declare());
        yield return Case("Benchmarks", "docs/benchmarks.md", "## Options", CompareOptions.Declare());
        yield return Case("Senders", "docs/benchmarks.md", "### Options of senders", SendersOptions.Declare());

        static TestCaseData Case(string name, string document, string heading, OptionSet set) =>
            new TestCaseData(document, heading, set).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Programs))]
    public void Options_in_the_manual_equal_those_of_help(string document, string heading, OptionSet set)
    {
        IEnumerable<string> documented = File.ReadLines(Path.Combine(Repository.Root, document))
            .SkipWhile(line => line != heading).Skip(1)
            .TakeWhile(line => !line.StartsWith('#'))
            .Select(line => Row().Match(line))
            .Where(match => match.Success)
            .Select(match => $"{match.Groups["name"].Value} {match.Groups["default"].Value}");

        Assert.That(documented, Is.EqualTo(set.Declarations.Select(option => $"{option.Name} {option.DefaultText}")));
    }

    [GeneratedRegex(@"^\| `(?<name>--[a-z-]+)`[^|]*\| (?<default>[^|]*?) \|")]
    private static partial Regex Row();
}
