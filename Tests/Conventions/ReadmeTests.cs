using System.Text.RegularExpressions;
using DotNettyFraming.CommandLine;
using DotNettyFraming.LoadClient;
using DotNettyFraming.Server.Hosting;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Conventions;

/// <summary>The README's tables of options are those of <c>--help</c>: same options, same defaults, same order.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string[] Readme = File.ReadAllLines(Path.Combine(Repository.Root, "README.md"));

    private static IEnumerable<TestCaseData> Programs()
    {
        yield return new TestCaseData("### Server options", new ServerCommandLine().Set).SetArgDisplayNames("Server");
        yield return new TestCaseData("### Load client options", new LoadOptionDeclarations().Set).SetArgDisplayNames("LoadClient");
    }

    [TestCaseSource(nameof(Programs))]
    public void Options_in_the_readme_are_those_of_help(string heading, OptionSet set)
    {
        IEnumerable<string> documented = Readme
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
