using HdrHistogram;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>Makes the histograms of this program, all alike so that they can be added up, and records into them.</summary>
/// <remarks>Microseconds with three significant digits: a value is off by a thousandth at most. Longer ones than
/// <see cref="Longest"/> count as that.</remarks>
internal static class LatencyHistogram
{
    /// <summary>The longest latency told apart: no phase of a run lasts so long without moving.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>A histogram without values, about 190 KiB.</summary>
    public static LongHistogram New() => new((long)Longest.TotalMicroseconds, numberOfSignificantValueDigits: 3);

    /// <summary>Records a latency, once or several times; negative ones count as 0.</summary>
    public static void Record(this LongHistogram histogram, TimeSpan latency, long count = 1) =>
        histogram.RecordValueWithCount(Math.Clamp((long)latency.TotalMicroseconds, 0, (long)Longest.TotalMicroseconds), count);
}
