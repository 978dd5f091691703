using System.Globalization;
using System.Reflection;
using System.Xml.Linq;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Reporting.Html;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>The report as <c>--html</c> writes it: one file with tables and plots that opens anywhere, offline.</summary>
internal static class HtmlReport
{
    /// <summary>The page as UTF-8, some hundred KiB however long the run was.</summary>
    /// <param name="report">The run.</param>
    /// <param name="server">The server's address.</param>
    /// <param name="at">When it ended.</param>
    public static byte[] ToUtf8(RunReport report, string server, DateTimeOffset at) =>
        HtmlPage.ToUtf8(
            $"Load run against {server}",
            [
                Header(report, server, at),
                .. Complaints(report, server).Select(line => Paragraph("bad", line)),
                Grid(RunTables.Of(report).Select(table => table.ToSection())),
                .. Remarks(report).Select(line => Paragraph("note", line)),
                Grid(RunFigures.Of(report).Select(figure => figure.ToElement())),
                new XElement("footer", $"{Program.Name} {Version()}"),
            ]);

    private static XElement Header(RunReport report, string server, DateTimeOffset at) => new(
        "header",
        new XElement("h1", $"Load run against {server}"),
        new XElement("p", Summary.Heading(report.Options, report.Allowed, server)),
        Paragraph("note", $"Ended {at.ToString("yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture)}"));

    private static IEnumerable<string> Complaints(RunReport report, string server)
    {
        IEnumerable<string> complaints = Summary.Complaints(report, server);
        return report.Interrupted ? complaints.Prepend("a signal ended the run early") : complaints;
    }

    private static IEnumerable<string> Remarks(RunReport report)
    {
        IReadOnlyList<SecondSample> points = MergedSeries.Of(report.Series, RunFigures.MostPoints);
        IReadOnlyList<SecondSample> rows = MergedSeries.Of(report.Series, RunFigures.MostRows);
        if (points.Count < 2)
        {
            yield return "The run was too short for plots over time.";
        }
        else if (rows[0].Length > report.Series[0].Length)
        {
            yield return $"The plots over time have a point for each {Quantity.Plain(points[0].Length.TotalSeconds)} s and their tables "
                + $"a row for each {Quantity.Plain(rows[0].Length.TotalSeconds)} s: rates over that time, open connections at its end, and "
                + "of its seconds' latencies the greatest.";
        }
    }

    private static XElement Grid(IEnumerable<XElement> cards) => new("div", new XAttribute("class", "grid"), cards);

    private static XElement Paragraph(string kind, string text) => new("p", new XAttribute("class", kind), text);

    private static string? Version() =>
        typeof(HtmlReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
}
