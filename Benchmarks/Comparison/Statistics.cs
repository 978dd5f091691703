namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>A figure over several measurements; the median of an even number is the mean of the middle two.</summary>
internal sealed record Statistics(double Median, double Min, double Max, int Count)
{
    /// <summary>Returns the statistics of the values; null = no values.</summary>
    public static Statistics? Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0
            ? null
            : new Statistics((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[0], sorted[^1], sorted.Length);
    }
}
