using System.Text.RegularExpressions;
using System.Xml.Linq;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Conventions;

/// <summary>The allowed dependencies: between projects by their references, inside Server by its <c>using</c>s.</summary>
public sealed partial class DependencyTests
{
    private static readonly Dictionary<string, string[]> Projects = new()
    {
        ["Codec"] = [],
        ["Transport"] = [],
        ["Hosting"] = [],
        ["Server"] = ["Codec", "Hosting", "Transport"],
        ["LoadClient"] = ["Codec", "Hosting", "Transport"],
        ["Benchmarks"] = ["Codec", "Hosting", "LoadClient", "Server", "Transport"],
    };

    private static readonly Dictionary<string, string[]> ServerFolders = new()
    {
        ["Metrics"] = [],
        ["Profiling"] = [],
        ["Admin"] = ["Metrics", "Profiling"],
        ["Processing"] = ["Metrics"],
        ["Limits"] = ["Metrics"],
        ["Storage"] = ["Processing", "Metrics"],
        ["Forwarding"] = ["Storage", "Metrics"],
        ["Pipeline"] = ["Limits", "Processing", "Metrics"],
        ["Startup"] = ["Admin", "Forwarding", "Storage", "Limits", "Pipeline", "Processing", "Metrics", "Profiling"],
    };

    private static IEnumerable<string> ProjectNames => Projects.Keys;

    private static IEnumerable<string> FolderNames => ServerFolders.Keys;

    [Test]
    public void Every_project_is_listed_here()
    {
        IEnumerable<string> projects = Directory.EnumerateFiles(Repository.Root, "*.csproj", SearchOption.AllDirectories)
            .Where(file => !file.StartsWith(Path.Combine(Repository.Root, "Packaging"), StringComparison.Ordinal))
            .Select(file => Path.GetFileNameWithoutExtension(file));

        Assert.That(projects.Except(["Tests", "Tests.Programs"]), Is.EquivalentTo(ProjectNames));
    }

    [TestCaseSource(nameof(ProjectNames))]
    public void Project_has_only_allowed_references(string project)
    {
        IEnumerable<string> references = XDocument.Load(Path.Combine(Repository.Root, project, $"{project}.csproj"))
            .Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value));

        Assert.That(references, Is.SubsetOf(Projects[project]));
    }

    [Test]
    public void Codec_references_only_buffers_and_codecs()
    {
        IEnumerable<string> packages = XDocument.Load(Path.Combine(Repository.Root, "Codec", "Codec.csproj"))
            .Descendants("PackageReference").Select(reference => reference.Attribute("Include")!.Value);

        Assert.That(packages, Is.EquivalentTo(new[] { "DotNetty.Buffers", "DotNetty.Codecs" }));
    }

    [Test]
    public void Server_has_no_other_folders()
    {
        IEnumerable<string> folders = Directory.EnumerateDirectories(Path.Combine(Repository.Root, "Server"))
            .Select(folder => Path.GetFileName(folder)!).Except(["bin", "obj", "logs"]);

        Assert.That(folders, Is.EquivalentTo(FolderNames));
    }

    [TestCaseSource(nameof(FolderNames))]
    public void Server_folder_has_only_allowed_usings(string folder)
    {
        string path = Path.Combine(Repository.Root, "Server", folder);
        IEnumerable<string> used = Directory.EnumerateFiles(path, "*.cs", SearchOption.AllDirectories)
            .SelectMany(File.ReadLines)
            .Select(line => ServerName().Match(line))
            .Where(match => match.Success)
            .Select(match => match.Groups["folder"].Value)
            .Distinct()
            .Except([folder]);

        Assert.That(used, Is.SubsetOf(ServerFolders[folder]));
    }

    [Test]
    public void Load_client_has_no_drawing_library()
    {
        IEnumerable<string> packages = XDocument.Load(Path.Combine(Repository.Root, "LoadClient", "LoadClient.csproj"))
            .Descendants("PackageReference").Select(reference => reference.Attribute("Include")!.Value);

        Assert.That(packages, Has.None.Matches("ScottPlot|SkiaSharp"), "their native libraries take 0.5 GB");
    }

    [TestCase("Server")]
    [TestCase("LoadClient")]
    [TestCase("Codec")]
    [TestCase("Hosting")]
    [TestCase("Transport")]
    [TestCase("Benchmarks")]
    public void Namespaces_follow_folders(string project)
    {
        string root = Path.Combine(Repository.Root, project);
        IEnumerable<string> strays = Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal))
            .Where(file =>
            {
                string folder = Path.GetRelativePath(root, Path.GetDirectoryName(file)!);
                string expected = $"namespace DotNettyFraming.{project}{(folder == "." ? "" : "." + folder.Replace('/', '.'))};";
                return !File.ReadLines(file).Contains(expected);
            });

        Assert.That(strays, Is.Empty);
    }

    [GeneratedRegex(@"^using (static )?DotNettyFraming\.Server\.(?<folder>[A-Z][A-Za-z]+)")]
    private static partial Regex ServerName();
}
