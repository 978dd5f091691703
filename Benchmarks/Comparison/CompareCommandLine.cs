using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.CommandLine;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>The options of <c>compare</c>.</summary>
internal sealed class CompareCommandLine
{
    private const int Rounds = 5;
    private const int Seconds = 2;
    private const int MemoryRounds = 3;

    private readonly OptionDeclaration<int> _rounds;
    private readonly OptionDeclaration<int> _seconds;
    private readonly OptionDeclaration<int> _memoryRounds;
    private readonly OptionDeclaration<IReadOnlyList<string>> _only;
    private readonly OptionDeclaration<IReadOnlyList<string>> _loads;
    private readonly OptionDeclaration<string?> _output;
    private readonly OptionDeclaration<bool> _quick;

    public CompareCommandLine()
    {
        Set = new OptionSet(
            $"{Program.Name} {CompareCommand.Mode}",
            "Measures our server and its peers on this machine, in turn and repeatedly.",
            EnvironmentPrefix.Benchmarks);
        _rounds = Set.Number("--rounds", "N", Rounds, "Times that each server is measured with each load.", 1, 1000);
        _seconds = Set.Number("--seconds", "N", Seconds, "Length of one measurement, seconds.", 1, 600);
        _memoryRounds = Set.Number(
            "--memory-rounds", "N", MemoryRounds, "The same for memory, where a round takes about 40 s a server.", 1, 1000);
        IReadOnlyList<string> names = [.. Contestants.All.Select(contestant => contestant.Name)];
        _only = Set.Custom("--only", "NAMES", names, "all", $"Servers to measure, comma-separated: {string.Join(", ", names)}.", Among(names));
        _loads = Set.Custom(
            "--loads", "NAMES", ComparisonPlan.LoadNames, "all",
            $"Loads to measure with, comma-separated: {string.Join(", ", ComparisonPlan.LoadNames)}.", Among(ComparisonPlan.LoadNames));
        _output = Set.OptionalPath("--output", "FOLDER", "Where to write RESULTS.md and RESULTS.png.", "print only");
        _quick = Set.Flag("--quick", "A few seconds in all, to see that everything works. The figures mean nothing.");
    }

    /// <summary>The declared options.</summary>
    public OptionSet Set { get; }

    /// <summary>Who is to be measured.</summary>
    public IEnumerable<Contestant> ContestantsOf(ParseOutcome outcome) =>
        Contestants.All.Where(contestant => outcome.Value(_only).Contains(contestant.Name));

    /// <summary>Where results go; null for nowhere.</summary>
    public string? OutputOf(ParseOutcome outcome) => outcome.Value(_output);

    /// <summary>What is to be measured.</summary>
    public ComparisonPlan PlanOf(ParseOutcome outcome)
    {
        IReadOnlyList<string> loads = outcome.Value(_loads);
        return outcome.Value(_quick)
            ? ComparisonPlan.Quick
            : new ComparisonPlan
            {
                Sending = [.. Workloads.All.Where(load => loads.Contains(load.Name))],
                Connecting = loads.Contains(ComparisonPlan.ConnectLoad),
                MemoryRounds = loads.Contains(ComparisonPlan.MemoryLoad) ? outcome.Value(_memoryRounds) : 0,
                Rounds = outcome.Value(_rounds),
                Seconds = outcome.Value(_seconds),
            };
    }

    /// <summary>Reads a list of names, comma-separated, each among those known.</summary>
    public static Func<string, Parsed<IReadOnlyList<string>>> Among(IReadOnlyList<string> known) => text =>
    {
        string[] names = text.Split(',', StringSplitOptions.TrimEntries);
        return names.All(known.Contains)
            ? Parsed.Of<IReadOnlyList<string>>(names)
            : Parsed.Fault<IReadOnlyList<string>>($"names other than {string.Join(", ", known)}");
    };
}
