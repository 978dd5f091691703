using System.Globalization;
using DotNettyFraming.Benchmarks.Comparison;

namespace DotNettyFraming.Benchmarks.Report;

/// <summary>The text of figures in tables.</summary>
internal static class Quantity
{
    /// <summary>The text of a figure that was not measured.</summary>
    public const string None = "–";

    private const double NanosecondsPerMicrosecond = 1000;
    private const double BytesPerKibibyte = 1024;

    /// <summary>Returns the median and, in brackets, minimum and maximum: <c>1.07 (1.02–1.11)</c>.</summary>
    public static string Spread(Statistics? figure, Func<double, string> write) => figure switch
    {
        null => None,
        { Count: 1 } => write(figure.Median),
        _ => $"{write(figure.Median)} ({write(figure.Min)}–{write(figure.Max)})",
    };

    /// <summary>Returns <c>4.51 µs</c>, <c>77.3 ns</c>.</summary>
    public static string Time(double nanoseconds) => nanoseconds < NanosecondsPerMicrosecond
        ? Invariant($"{nanoseconds:0.0} ns")
        : Invariant($"{nanoseconds / NanosecondsPerMicrosecond:0.00} µs");

    /// <summary>Returns <c>0.84 s</c>.</summary>
    public static string Seconds(double seconds) => Invariant($"{seconds:0.00} s");

    /// <summary>Returns <c>1.07</c>.</summary>
    public static string Ratio(double ratio) => Invariant($"{ratio:0.00}");

    /// <summary>Returns <c>0.3 %</c>.</summary>
    public static string Percent(double share) => Invariant($"{share * 100:0.0} %");

    /// <summary>Returns <c>29.9 M</c>, <c>159 k</c>.</summary>
    public static string Rate(double perSecond) => perSecond switch
    {
        >= 1e6 => Invariant($"{perSecond / 1e6:0.0} M"),
        >= 1e3 => Invariant($"{perSecond / 1e3:0.0} k"),
        _ => Invariant($"{perSecond:0}"),
    };

    /// <summary>Returns <c>1.9 KiB</c>.</summary>
    public static string Kibibytes(double bytes) => Invariant($"{bytes / BytesPerKibibyte:0.0} KiB");

    /// <summary>Returns <c>48.2 MiB</c>.</summary>
    public static string Mebibytes(double bytes) => Invariant($"{bytes / BytesPerKibibyte / BytesPerKibibyte:0.0} MiB");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
