using System.Xml.Linq;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>A table of the page: the one shape that every section of figures has.</summary>
/// <param name="Title">Its heading, or what is clicked to open it.</param>
/// <param name="Columns">The heads of the columns; none for a list of names and values.</param>
/// <param name="Rows">The cells, as they are to be read; the first of a row names it.</param>
internal sealed record HtmlTable(string Title, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>Whether all cells but the first of a row are figures, and are set flush right.</summary>
    public bool HasFigures { get; init; }

    /// <summary>What the reader has to know; null for nothing.</summary>
    public string? Note { get; init; }

    /// <summary>The table under its heading.</summary>
    public XElement ToSection() => new("section", new XElement("h2", Title), NoteParagraph(), ToElement());

    /// <summary>The table behind a line that opens it.</summary>
    public XElement ToDetails() => new("details", new XElement("summary", Title), NoteParagraph(), ToElement());

    private XElement? NoteParagraph() => Note is null ? null : new XElement("p", new XAttribute("class", "note"), Note);

    /// <summary>In a box that scrolls, so that a wide table does not make the page wide.</summary>
    private XElement ToElement() => new(
        "div",
        new XAttribute("class", "scroll"),
        new XElement(
            "table",
            HasFigures ? new XAttribute("class", "figures") : null,
            Columns.Count == 0 ? null : new XElement("thead", new XElement("tr", Columns.Select(column => Header("col", column)))),
            new XElement("tbody", Rows.Select(ToRow))));

    private static XElement ToRow(IReadOnlyList<string> cells) =>
        new("tr", Header("row", cells[0]), cells.Skip(1).Select(cell => new XElement("td", cell)));

    private static XElement Header(string scope, string text) => new("th", new XAttribute("scope", scope), text);
}
