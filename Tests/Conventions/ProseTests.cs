using System.Text.RegularExpressions;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.Conventions;

/// <summary>Sources and documents have lines of at most 140 columns and plain modern English.</summary>
internal sealed partial class ProseTests
{
    private static readonly string[] SkippedFolders = ["bin", "obj", "logs", "TestResults", "BenchmarkDotNet.Artifacts"];

    [Test]
    public void No_line_is_longer_than_140_columns() =>
        Assert.That(Lines().Where(line => line.Text.Length > 140).Select(line => $"{line.Place}: {line.Text.Length} columns"), Is.Empty);

    [Test]
    public void Comments_and_documents_have_no_archaic_turns() => Assert.That(
        from line in Lines()
        let prose = line.Place.Contains(".cs:", StringComparison.Ordinal) ? Comment().Match(line.Text).Value : line.Text
        let turn = ArchaicTurn().Match(prose)
        where turn.Success
        select $"{line.Place}: {turn.Value}",
        Is.Empty);

    private static IEnumerable<(string Place, string Text)> Lines() =>
        from file in Files(Repository.Root).Order(StringComparer.Ordinal)
        let lines = File.ReadLines(file).Index()
        from line in file.EndsWith(".md", StringComparison.Ordinal) ? WithoutTablesAndCode(lines) : lines
        select ($"{Path.GetRelativePath(Repository.Root, file)}:{line.Index + 1}", line.Item);

    private static IEnumerable<string> Files(string folder) => Directory.EnumerateFiles(folder)
        .Where(file => Path.GetExtension(file) is ".cs" or ".md")
        .Concat(Directory.EnumerateDirectories(folder)
            .Where(sub => Path.GetFileName(sub) is var name && name[0] != '.' && !SkippedFolders.Contains(name))
            .SelectMany(Files));

    private static IEnumerable<(int Index, string Item)> WithoutTablesAndCode(IEnumerable<(int Index, string Item)> lines)
    {
        bool isCode = false;
        foreach ((int index, string text) in lines)
        {
            string start = text.TrimStart();
            bool isFence = start.StartsWith("```", StringComparison.Ordinal);
            isCode ^= isFence;
            if (!isCode && !isFence && !start.StartsWith('|'))
            {
                yield return (index, text);
            }
        }
    }

    // Not the slashes of a URL.
    [GeneratedRegex("(?<!:)//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(
        @"\b(whoever|nobody|somebody|thereof|whence|upon|so many|at once|for ever|beside)\b"
        + @"|\b(packets|bytes|lines) a second\b|\ba (packet|byte|line) each\b",
        RegexOptions.IgnoreCase)]
    private static partial Regex ArchaicTurn();
}
