namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>A figure that was measured several times.</summary>
/// <param name="Median">The middle one; of an even number, the mean of the two in the middle.</param>
/// <param name="Min">The least.</param>
/// <param name="Max">The greatest.</param>
/// <param name="Count">How many times.</param>
internal sealed record Statistics(double Median, double Min, double Max, int Count)
{
    /// <summary>Sums up.</summary>
    /// <returns>Null where there are no values.</returns>
    public static Statistics? Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0
            ? null
            : new Statistics((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[0], sorted[^1], sorted.Length);
    }
}
