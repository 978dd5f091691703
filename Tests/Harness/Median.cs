namespace DotNettyFraming.Tests.Harness;

/// <summary>The middle value of measurements.</summary>
internal static class Median
{
    /// <summary>Returns the median; of an even number the upper one.</summary>
    public static double Of(IReadOnlyCollection<double> values) => values.Order().ElementAt(values.Count / 2);
}
