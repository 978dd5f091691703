using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Conventions;

/// <summary>THIRD-PARTY-NOTICES names each package that the programs use, with its licence.</summary>
public sealed partial class LicenceTests
{
    private static readonly string[] Compatible = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "public domain"];

    [TestCase("Server")]
    [TestCase("LoadClient")]
    public void Notices_name_each_package_with_its_licence(string project)
    {
        List<(string Package, string Licence)> notices =
            [.. File.ReadLines(Path.Combine(Repository.Root, "THIRD-PARTY-NOTICES"))
                .TakeWhile(line => !line.StartsWith("==", StringComparison.Ordinal))
                .Select(line => Row().Match(line)).Where(match => match.Success)
                .Select(match => (match.Groups["package"].Value, match.Groups["licence"].Value))];

        Assert.Multiple(() =>
        {
            Assert.That(notices, Has.Count.GreaterThan(10));
            Assert.That(notices.Select(notice => notice.Licence).Distinct(), Is.SubsetOf(Compatible));
            foreach ((string id, string? licence) in Packages(project))
            {
                string[] found = [.. notices.Where(notice => Names(notice.Package, id)).Select(notice => notice.Licence)];
                Assert.That(found, Has.Length.EqualTo(1), $"lines for {id} in THIRD-PARTY-NOTICES");
                Assert.That(licence is null || found.Contains(licence), $"{id} has the licence {licence}; THIRD-PARTY-NOTICES differs");
            }
        });
    }

    private static bool Names(string notice, string id) =>
        notice.EndsWith(".*", StringComparison.Ordinal) ? id.StartsWith(notice[..^1], StringComparison.Ordinal) : id == notice;

    /// <summary>Returns a project's packages with the licence expression of each; null if it has a text or an address instead.</summary>
    private static IEnumerable<(string Id, string? Licence)> Packages(string project)
    {
        string file = Path.Combine(Repository.Root, project, "obj", "project.assets.json");
        using JsonDocument assets = JsonDocument.Parse(File.ReadAllText(file));
        string[] folders = [.. assets.RootElement.GetProperty("packageFolders").EnumerateObject().Select(folder => folder.Name)];
        foreach (JsonProperty library in assets.RootElement.GetProperty("libraries").EnumerateObject())
        {
            if (library.Value.GetProperty("type").GetString() == "package")
            {
                string id = library.Name.Split('/')[0];
                string path = Path.Combine(library.Value.GetProperty("path").GetString()!, $"{id.ToLowerInvariant()}.nuspec");
                string specification = folders.Select(folder => Path.Combine(folder, path)).First(File.Exists);
                XElement? licence = XDocument.Load(specification).Descendants()
                    .FirstOrDefault(element => element.Name.LocalName == "license");
                yield return (id, licence?.Attribute("type")?.Value == "expression" ? licence.Value : null);
            }
        }
    }

    [GeneratedRegex(@"^(?<package>[A-Z][\w.]+(\.\*)?)( \([^)]*\))? {2,}(?<licence>\S+( domain)?) {2,}\S")]
    private static partial Regex Row();
}
