using System.Text.RegularExpressions;
using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Senders;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Options;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Conventions;

/// <summary>The manual's tables of options are those of <c>--help</c>: same options, same defaults, same order.</summary>
internal sealed partial class ReadmeTests
{
    private static IEnumerable<TestCaseData> Programs()
    {
        yield return new TestCaseData("docs/operations.md", "## Server options", ServerCommandLine.Declare()).SetArgDisplayNames("Server");
        yield return new TestCaseData("docs/load-client.md", "## Load client options", LoadOptionDeclarations.Declare()).SetArgDisplayNames("LoadClient");
        yield return new TestCaseData("docs/benchmarks.md", "## Options", CompareOptions.Declare()).SetArgDisplayNames("Benchmarks");
        yield return new TestCaseData("docs/benchmarks.md", "### Options of senders", SendersOptions.Declare()).SetArgDisplayNames("Senders");
    }

    [TestCaseSource(nameof(Programs))]
    public void Options_in_the_manual_are_those_of_help(string document, string heading, OptionSet set)
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
