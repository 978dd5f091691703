using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>One measurement.</summary>
internal sealed record Sample(string Contestant, string Load, int Round, LoadReading Reading);

/// <summary>The packets sent to a server's process and the packets that it counted, over all loads and the warm-up.</summary>
internal sealed record CountCheck(string Contestant, long Sent, long Processed)
{
    /// <summary>Whether both numbers are equal.</summary>
    public bool IsExact => Sent == Processed;
}

/// <summary>All measurements of a comparison, and one count per started process.</summary>
internal sealed record ComparisonResult(
    IReadOnlyList<Contestant> Contestants, IReadOnlyList<Sample> Samples, IReadOnlyList<CountCheck> Checks)
{
    /// <summary>Returns the contestants with a role.</summary>
    public IEnumerable<Contestant> With(ContestantRole role) => Contestants.Where(contestant => contestant.Role == role);

    /// <summary>Returns a figure over all rounds; null = not measured.</summary>
    public Statistics? Figure<T>(Contestant contestant, string load, Func<T, double> figure)
        where T : LoadReading =>
        Statistics.Of(ByRound(contestant, load, figure).Values);

    /// <summary>Returns a figure divided by the least of the others in the same round; null = not measured.</summary>
    public Statistics? Ratio<T>(Contestant contestant, IEnumerable<Contestant> others, string load, Func<T, double> figure)
        where T : LoadReading
    {
        Dictionary<int, double>[] divisors = [.. others.Select(other => ByRound(other, load, figure))];
        return Statistics.Of(ByRound(contestant, load, figure)
            .Select(own => (own.Value, Best: divisors.Where(other => other.ContainsKey(own.Key)).Select(other => other[own.Key])))
            .Where(pair => pair.Best.Any())
            .Select(pair => pair.Value / pair.Best.Min()));
    }

    private Dictionary<int, double> ByRound<T>(Contestant contestant, string load, Func<T, double> figure)
        where T : LoadReading =>
        Samples.Where(sample => sample.Contestant == contestant.Name && sample.Load == load && sample.Reading is T)
            .ToDictionary(sample => sample.Round, sample => figure((T)sample.Reading));
}
