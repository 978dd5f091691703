namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>Values as a row of bars, one character each: <c>▁▃▅█▇</c>.</summary>
internal static class Sparkline
{
    private const string Bars = "▁▂▃▄▅▆▇█";

    /// <summary>The greatest value is a full bar, zero the lowest.</summary>
    /// <param name="values">None negative.</param>
    public static string Of(IReadOnlyCollection<double> values)
    {
        double greatest = values.DefaultIfEmpty().Max();
        return string.Concat(values.Select(value => Bars[greatest > 0 ? (int)Math.Round(value / greatest * (Bars.Length - 1)) : 0]));
    }
}
