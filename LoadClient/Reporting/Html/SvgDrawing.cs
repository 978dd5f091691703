using System.Globalization;
using System.Xml.Linq;
using ScottPlot;
using ScottPlot.Plottables;
using ScottPlot.TickGenerators;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>Draws a plot as SVG that stands inside a page and scales with it.</summary>
/// <remarks>
/// ScottPlot draws the lines. The words are SVG text in the reader's font, put beside them here: Skia writes each letter at a place of its
/// own, in a font of this machine, and on a server without fonts none at all. Nothing else may use ScottPlot, which loads Skia: a run
/// without <c>--html</c> is not to pay for it.
/// </remarks>
internal static class SvgDrawing
{
    private const int Width = 520;
    private const int Height = 290;
    private const int Left = 74;
    private const int Right = 26;
    private const int Top = 12;
    private const int Bottom = 48;

    private const int MostWordsOnATelephone = 5; // below the plot; the style sheet hides those between
    private const float LineWidth = 1.5f;
    private const float MarkerSize = 6;

    /// <summary>Draws it. Skia counts the names of clipping paths through all that a process draws, so a page has each but once.</summary>
    public static XElement Of(LinePlot plot)
    {
        var svg = new XElement("svg", new XAttribute("viewBox", $"0 0 {Width} {Height}"));
        svg.Add(XElement.Parse(Lines(plot)).Elements().Select(WithoutNamespace));
        svg.Add(Words(plot));
        return svg;
    }

    private static string Lines(LinePlot plot)
    {
        using var drawing = new Plot();
        drawing.Layout.Fixed(new PixelPadding(Left, Right, Bottom, Top));
        drawing.FigureBackground.Color = Colors.Transparent;
        drawing.DataBackground.Color = Colors.Transparent;
        drawing.Axes.Bottom.TickGenerator = Wordless(plot.X);
        drawing.Axes.Left.TickGenerator = Wordless(plot.Y);
        drawing.Axes.Bottom.MajorTickStyle.Length = drawing.Axes.Left.MajorTickStyle.Length = 0;
        drawing.Axes.Bottom.MinorTickStyle.Length = drawing.Axes.Left.MinorTickStyle.Length = 0;
        drawing.Axes.Right.FrameLineStyle.Width = drawing.Axes.Top.FrameLineStyle.Width = 0;
        drawing.Grid.MinorLineWidth = 1;
        drawing.Grid.MinorLineColor = Colors.Black.WithOpacity(.04);
        drawing.Axes.SetLimits(plot.X.Min, plot.X.Max, plot.Y.Min, plot.Y.Max);
        for (int i = 0; i < plot.Lines.Count; i++)
        {
            foreach (Coordinates[] stretch in Stretches(plot, plot.Lines[i]))
            {
                Scatter line = drawing.Add.Scatter(stretch, Color.FromHex(LinePlot.ColorOf(i)));
                line.LineWidth = LineWidth;
                line.MarkerSize = stretch.Length == 1 ? MarkerSize : 0;
            }
        }

        return drawing.GetSvgXml(Width, Height);
    }

    private static NumericManual Wordless(PlotAxis axis) =>
        new([.. axis.Ticks.Select(tick => new Tick(tick.At, "", isMajor: tick.Label.Length > 0))]);

    /// <summary>The points between two gaps.</summary>
    private static IEnumerable<Coordinates[]> Stretches(LinePlot plot, PlotLine line)
    {
        var stretch = new List<Coordinates>();
        foreach (PlotPoint point in line.Points)
        {
            if (!double.IsNaN(point.Y))
            {
                stretch.Add(new Coordinates(plot.X.Place(point.X), plot.Y.Place(point.Y)));
            }
            else if (stretch.Count > 0)
            {
                yield return [.. stretch];
                stretch.Clear();
            }
        }

        if (stretch.Count > 0)
        {
            yield return [.. stretch];
        }
    }

    /// <summary>Inside HTML the elements of SVG need no namespace, and would repeat it each.</summary>
    private static XElement WithoutNamespace(XElement element) => new(
        element.Name.LocalName,
        element.Attributes().Where(attribute => !attribute.IsNamespaceDeclaration),
        element.Elements().Select(WithoutNamespace));

    private static IEnumerable<XElement> Words(LinePlot plot)
    {
        AxisTick[] labelled = [.. plot.X.Ticks.Where(tick => tick.Label.Length > 0)];
        for (int i = 0; i < labelled.Length; i++)
        {
            double x = Left + ((Width - Left - Right) * Share(plot.X, labelled[i]));
            XElement word = Word(x, Height - Bottom + 18, "middle", labelled[i].Label);
            word.Add(labelled.Length > MostWordsOnATelephone && i % 2 == 1 ? new XAttribute("class", "between") : null);
            yield return word;
        }

        foreach (AxisTick tick in plot.Y.Ticks.Where(tick => tick.Label.Length > 0))
        {
            yield return Word(Left - 8, Height - Bottom + 4 - ((Height - Bottom - Top) * Share(plot.Y, tick)), "end", tick.Label);
        }

        yield return Word((Left + Width - Right) / 2.0, Height - 8, "middle", plot.X.Title);
    }

    private static double Share(PlotAxis axis, AxisTick tick) => (tick.At - axis.Min) / (axis.Max - axis.Min);

    private static XElement Word(double x, double y, string anchor, string text) => new(
        "text",
        new XAttribute("x", x.ToString("0.#", CultureInfo.InvariantCulture)),
        new XAttribute("y", y.ToString("0.#", CultureInfo.InvariantCulture)),
        new XAttribute("text-anchor", anchor),
        text);
}
