using System.Xml.Linq;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>A plot with its caption, its key, and its figures in a table.</summary>
/// <param name="Plot">What is drawn.</param>
/// <param name="Table">The same as figures.</param>
internal sealed record PlotFigure(LinePlot Plot, HtmlTable Table)
{
    /// <summary>As an element of the page.</summary>
    public XElement ToElement() => new(
        "figure",
        new XElement(
            "figcaption",
            new XElement("h2", Plot.Title),
            new XElement("ul", Plot.Lines.Select(Key))),
        Draw(),
        Table.ToDetails());

    private static XElement Key(PlotLine line, int index) => new(
        "li",
        line.Name.Length == 0 ? null : Swatch(LinePlot.ColorOf(index)),
        TextOf(line));

    private static XElement Swatch(string color) =>
        new("span", new XAttribute("class", "key"), new XAttribute("style", $"background: {color}"));

    private static string TextOf(PlotLine line) => line.Name.Length == 0 ? line.Range : $"{line.Name}: {line.Range}";

    /// <summary>Draws it; a machine that ScottPlot's native libraries do not know gets a page all the same.</summary>
    private XElement Draw()
    {
        try
        {
            XElement svg = SvgDrawing.Of(Plot);
            svg.Add(new XAttribute("role", "img"));
            svg.Add(new XAttribute("aria-label", $"{Plot.Title}. {string.Join("; ", Plot.Lines.Select(TextOf))}"));
            return svg;
        }
        catch (Exception exception) when (exception is DllNotFoundException or TypeInitializationException)
        {
            const string Missing = "No plot: SkiaSharp's native library cannot be loaded on this machine. The figures are in the table.";
            return new XElement("p", new XAttribute("class", "bad"), Missing);
        }
    }
}
