using System.Text;

namespace DotNettyFraming.Benchmarks.Report;

/// <summary>A table, before it is known where it will be shown.</summary>
/// <param name="Title">What it is about.</param>
/// <param name="Note">How to read it, in a sentence or two.</param>
/// <param name="Columns">Their headings; the first one is of the rows' names.</param>
/// <param name="Rows">Each with a cell a column.</param>
internal sealed record ReportTable(string Title, string Note, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>The table in Markdown, with its title as a heading.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append("## ").AppendLine(Title).AppendLine().AppendLine(Note).AppendLine();
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
