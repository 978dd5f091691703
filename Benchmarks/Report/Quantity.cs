using System.Globalization;
using DotNettyFraming.Benchmarks.Comparison;

namespace DotNettyFraming.Benchmarks.Report;

/// <summary>Figures as the tables write them.</summary>
internal static class Quantity
{
    /// <summary>Where nothing was measured.</summary>
    public const string None = "–";

    private const double NanosecondsAMicrosecond = 1000;
    private const double BytesAKibibyte = 1024;

    /// <summary>The median and, in brackets, the least and the greatest: <c>1.07 (1.02–1.11)</c>.</summary>
    /// <param name="figure">Null where nothing was measured.</param>
    /// <param name="write">How one value is written.</param>
    public static string Spread(Statistics? figure, Func<double, string> write) => figure switch
    {
        null => None,
        { Count: 1 } => write(figure.Median),
        _ => $"{write(figure.Median)} ({write(figure.Min)}–{write(figure.Max)})",
    };

    /// <summary><c>4.51 µs</c>, <c>77.3 ns</c>.</summary>
    public static string Time(double nanoseconds) =>
        nanoseconds < NanosecondsAMicrosecond ? Invariant($"{nanoseconds:0.0} ns") : Invariant($"{nanoseconds / NanosecondsAMicrosecond:0.00} µs");

    /// <summary><c>0.84 s</c>.</summary>
    public static string Seconds(double seconds) => Invariant($"{seconds:0.00} s");

    /// <summary><c>1.07</c>.</summary>
    public static string Ratio(double ratio) => Invariant($"{ratio:0.00}");

    /// <summary><c>0.3 %</c>.</summary>
    public static string Percent(double share) => Invariant($"{share * 100:0.0} %");

    /// <summary><c>29.9 M</c>, <c>159 k</c>.</summary>
    public static string Rate(double aSecond) => aSecond switch
    {
        >= 1e6 => Invariant($"{aSecond / 1e6:0.0} M"),
        >= 1e3 => Invariant($"{aSecond / 1e3:0.0} k"),
        _ => Invariant($"{aSecond:0}"),
    };

    /// <summary><c>1.9 KiB</c>.</summary>
    public static string Kibibytes(double bytes) => Invariant($"{bytes / BytesAKibibyte:0.0} KiB");

    /// <summary><c>48.2 MiB</c>.</summary>
    public static string Mebibytes(double bytes) => Invariant($"{bytes / BytesAKibibyte / BytesAKibibyte:0.0} MiB");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
