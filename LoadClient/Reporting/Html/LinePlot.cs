namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>A point of a line; a Y that is no number is a gap.</summary>
internal readonly record struct PlotPoint(double X, double Y);

/// <summary>A line of a plot.</summary>
/// <param name="Name">What it shows, in the key.</param>
/// <param name="Range">Its main figures, in the key and in the alternative text.</param>
/// <param name="Points">From left to right.</param>
internal sealed record PlotLine(string Name, string Range, IReadOnlyList<PlotPoint> Points);

/// <summary>A plot: what is to be drawn, without how.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="X">From left to right.</param>
/// <param name="Y">From bottom to top.</param>
/// <param name="Lines">At least one.</param>
internal sealed record LinePlot(string Title, PlotAxis X, PlotAxis Y, IReadOnlyList<PlotLine> Lines)
{
    private static readonly string[] Palette = ["#0072b2", "#d55e00", "#6f4e9c", "#00795a"]; // told apart by colour-blind readers too

    /// <summary>The colour of a line, as <c>#rrggbb</c>.</summary>
    public static string ColorOf(int line) => Palette[line % Palette.Length];
}
