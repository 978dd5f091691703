using Spectre.Console;

namespace DotNettyFraming.Benchmarks.Report;

/// <summary>Prints tables on standard output: drawn in a terminal, as Markdown into a file or pipe.</summary>
internal static class TablePrinter
{
    /// <summary>Prints the tables.</summary>
    public static void Print(IEnumerable<ReportTable> tables)
    {
        foreach (ReportTable table in tables)
        {
            if (Console.IsOutputRedirected)
            {
                Console.WriteLine(table.ToMarkdown());
            }
            else
            {
                AnsiConsole.Write(Draw(table));
                AnsiConsole.WriteLine(table.Note);
                AnsiConsole.WriteLine();
            }
        }
    }

    private static Table Draw(ReportTable table)
    {
        var drawn = new Table { Title = new TableTitle(Markup.Escape(table.Title)), Border = TableBorder.Rounded };
        for (int i = 0; i < table.Columns.Count; i++)
        {
            var column = new TableColumn(Markup.Escape(table.Columns[i]));
            drawn.AddColumn(i == 0 ? column : column.RightAligned());
        }

        foreach (IReadOnlyList<string> row in table.Rows)
        {
            drawn.AddRow([.. row.Select(Markup.Escape)]);
        }

        return drawn;
    }
}
