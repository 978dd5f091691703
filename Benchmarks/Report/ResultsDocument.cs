using System.Text;
using DotNettyFraming.Benchmarks.Comparison;

namespace DotNettyFraming.Benchmarks.Report;

/// <summary>Writes <c>RESULTS.md</c> and its plot.</summary>
internal static class ResultsDocument
{
    /// <summary>The document's name.</summary>
    public const string FileName = "RESULTS.md";

    /// <summary>The plot's name.</summary>
    public const string PlotFileName = "RESULTS.png";

    /// <summary>Writes both files, over existing ones, and creates the folder if it does not exist.</summary>
    public static void Write(string folder, IReadOnlyList<string> arguments, ComparisonResult result, IReadOnlyList<ReportTable> tables)
    {
        Directory.CreateDirectory(folder);
        bool plotted = RatioPlot.Save(result, Path.Combine(folder, PlotFileName));
        File.WriteAllText(Path.Combine(folder, FileName), Text(arguments, result, tables, plotted, DateTimeOffset.UtcNow));
    }

    /// <summary>Returns the document's text.</summary>
    public static string Text(
        IReadOnlyList<string> arguments, ComparisonResult result, IReadOnlyList<ReportTable> tables, bool plotted, DateTimeOffset now)
    {
        var text = new StringBuilder();
        text.AppendLine("# Results of the comparison").AppendLine()
            .AppendLine("Written by this command ([manual](../docs/benchmarks.md)):").AppendLine()
            .AppendLine("```").AppendJoin(' ', ["dotnet run -c Release --project Benchmarks -- compare", .. arguments]).AppendLine()
            .AppendLine("```").AppendLine();
        Itemize(text, MachineDescription.Lines(now));
        text.AppendLine("Compared:").AppendLine();
        Itemize(text, result.Contestants.Select(contestant => $"`{contestant.Name}`: {contestant.Title}"));
        if (plotted)
        {
            text.AppendLine($"![CPU time per packet as a ratio to the floor]({PlotFileName})").AppendLine();
        }

        text.AppendJoin(Environment.NewLine, tables.Select(table => table.ToMarkdown()));
        return text.ToString();
    }

    private static void Itemize(StringBuilder text, IEnumerable<string> items)
    {
        foreach (string item in items)
        {
            text.Append("* ").AppendLine(item);
        }

        text.AppendLine();
    }
}
