using System.Globalization;
using System.Numerics;

namespace DotNettyFraming.LoadClient.Reporting.Html;

/// <summary>Figures as a person reads them.</summary>
internal static class Quantity
{
    private static readonly (double Size, string Prefix)[] Prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];

    /// <summary><c>1,234,567</c>.</summary>
    public static string Count<T>(T value)
        where T : INumber<T> => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary><c>1 row</c>, <c>1,234 rows</c>.</summary>
    public static string Counted(long number, string noun) => number == 1 ? $"1 {noun}" : $"{Count(number)} {noun}s";

    /// <summary><c>0.5</c>, <c>12</c>.</summary>
    public static string Plain(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    /// <summary>A number of seconds: <c>59.98 s</c>.</summary>
    public static string Seconds(TimeSpan time) => $"{time.TotalSeconds.ToString("N2", CultureInfo.InvariantCulture)} s";

    /// <summary>With a prefix, for an axis: <c>150 k</c>, <c>5 MB</c>.</summary>
    public static string Short(double value, string unit)
    {
        (double size, string prefix) = Prefixes.FirstOrDefault(prefix => value >= prefix.Size, (1, ""));
        return $"{Plain(value / size)} {prefix}{unit}".TrimEnd();
    }

    /// <summary>The percentile of so many nines, with all of them: <c>0</c>, <c>90</c>, <c>99</c>, <c>99.9</c>.</summary>
    public static string Percentile(int nines) => nines switch
    {
        0 => "0",
        1 => "90",
        2 => "99",
        _ => $"99.{new string('9', nines - 2)}",
    };

    /// <summary>In the unit that suits it: <c>800 µs</c>, <c>12.3 ms</c>, <c>1.25 s</c>.</summary>
    public static string Microseconds(long microseconds) => microseconds switch
    {
        < 1_000 => $"{microseconds} µs",
        < 1_000_000 => $"{Digits(microseconds / 1e3)} ms",
        _ => $"{Digits(microseconds / 1e6)} s",
    };

    private static string Digits(double value) =>
        value.ToString(value < 10 ? "0.##" : value < 100 ? "0.#" : "N0", CultureInfo.InvariantCulture);
}
