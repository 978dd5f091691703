using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>One measurement.</summary>
/// <param name="Contestant">Whose.</param>
/// <param name="Load">With what.</param>
/// <param name="Round">In which round, from 1.</param>
/// <param name="Reading">What came out.</param>
internal sealed record Sample(string Contestant, string Load, int Round, LoadReading Reading);

/// <summary>Whether a server's process counted what it was sent, over all loads, warm-up included.</summary>
/// <param name="Contestant">Whose.</param>
/// <param name="Sent">Whole packets that were sent to it.</param>
/// <param name="Processed">Packets that it says it has processed.</param>
internal sealed record CountCheck(string Contestant, long Sent, long Processed)
{
    /// <summary>Whether not one is missing, and not one too many.</summary>
    public bool IsExact => Sent == Processed;
}

/// <summary>All that a comparison measured, and how to look at it.</summary>
/// <param name="Contestants">Who took part, in order.</param>
/// <param name="Samples">Every measurement.</param>
/// <param name="Checks">Every count, one for each process that was started.</param>
internal sealed record ComparisonResult(
    IReadOnlyList<Contestant> Contestants, IReadOnlyList<Sample> Samples, IReadOnlyList<CountCheck> Checks)
{
    /// <summary>Those with a role.</summary>
    public IEnumerable<Contestant> With(ContestantRole role) => Contestants.Where(contestant => contestant.Role == role);

    /// <summary>One figure over all rounds.</summary>
    /// <typeparam name="T">The reading that has it.</typeparam>
    /// <returns>Null where it was not measured.</returns>
    public Statistics? Figure<T>(Contestant contestant, string load, Func<T, double> figure)
        where T : LoadReading =>
        Statistics.Of(ByRound(contestant, load, figure).Values);

    /// <summary>One figure, divided round by round by the least that any of some others had in the same round.</summary>
    /// <typeparam name="T">The reading that has it.</typeparam>
    /// <returns>Null where there is nothing to divide by, or nothing to divide.</returns>
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
