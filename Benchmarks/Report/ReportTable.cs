using System.Text;

namespace DotNettyFraming.Benchmarks.Report;

/// <summary>A table, independent of its output.</summary>
/// <param name="Title">The title.</param>
/// <param name="Note">An explanation of one or two sentences.</param>
/// <param name="Columns">The headings, first that of the rows' names.</param>
/// <param name="Rows">The rows, with one cell per column.</param>
internal sealed record ReportTable(string Title, string Note, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>Returns the table in Markdown, with its title as a heading.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        string oneSentencePerLine = Note.Replace(". ", $".{Environment.NewLine}", StringComparison.Ordinal);
        text.Append("## ").AppendLine(Title).AppendLine().AppendLine(oneSentencePerLine).AppendLine();
        AppendRow(text, Columns);
        AppendRow(text, [.. Columns.Select((_, i) => i == 0 ? "---" : "---:")]);
        foreach (IReadOnlyList<string> row in Rows)
        {
            AppendRow(text, row);
        }

        return text.ToString();
    }

    private static void AppendRow(StringBuilder text, IReadOnlyList<string> cells) =>
        text.Append("| ").AppendJoin(" | ", cells).AppendLine(" |");
}
