using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>The options of <c>compare</c>.</summary>
internal sealed record CompareOptions
{
    public int Rounds { get; init; } = 5;

    public int Seconds { get; init; } = 2;

    public int MemoryRounds { get; init; } = 3;

    /// <summary>The names of the servers to measure.</summary>
    public IReadOnlyList<string> Only { get; init; } = [.. Contestants.All.Select(contestant => contestant.Name)];

    public IReadOnlyList<string> Loads { get; init; } = ComparisonPlan.LoadNames;

    /// <summary>The folder of the results; null = none.</summary>
    public string? Output { get; init; }

    public bool Quick { get; init; }

    /// <summary>The measurements.</summary>
    public ComparisonPlan Plan => Quick
        ? ComparisonPlan.Quick
        : new ComparisonPlan
        {
            Sending = [.. Workloads.All.Where(load => Loads.Contains(load.Name))],
            Connecting = Loads.Contains(ComparisonPlan.ConnectLoad),
            Acknowledging = Loads.Contains(ComparisonPlan.AcknowledgementLoad),
            MemoryRounds = Loads.Contains(ComparisonPlan.MemoryLoad) ? MemoryRounds : 0,
            Rounds = Rounds,
            Seconds = Seconds,
        };

    /// <summary>Declares the options.</summary>
    public static OptionSet<CompareOptions> Declare()
    {
        var none = new CompareOptions();
        var set = new OptionSet<CompareOptions>(
            $"{Program.Name} {CompareCommand.Mode}",
            "Measures our server and its peers on this machine, in turn and repeatedly.",
            EnvironmentPrefix.Benchmarks,
            none);
        set.Add(
            "--rounds", OptionKind.Integer(1, 1000), none.Rounds, (o, v) => o with { Rounds = v },
            "Times that each server is measured with each load.");
        set.Add(
            "--seconds", OptionKind.Integer(1, 600), none.Seconds, (o, v) => o with { Seconds = v }, "Length of one measurement, seconds.");
        set.Add(
            "--memory-rounds", OptionKind.Integer(1, 1000), none.MemoryRounds, (o, v) => o with { MemoryRounds = v },
            "The same for memory, where a round takes about 40 s per server.");
        set.Add(
            "--only", Among(none.Only), none.Only, (o, v) => o with { Only = v },
            $"Servers to measure, comma-separated: {string.Join(", ", none.Only)}.", "all");
        set.Add(
            "--loads", Among(none.Loads), none.Loads, (o, v) => o with { Loads = v },
            $"Loads to measure with, comma-separated: {string.Join(", ", none.Loads)}.", "all");
        set.Add(
            "--output", OptionKind.Path("FOLDER"), none.Output!, (o, v) => o with { Output = v },
            "Where to write RESULTS.md and RESULTS.png.", "print only");
        set.Add(
            "--quick", OptionKind.Flag, false, (o, v) => o with { Quick = v },
            "Only tests that everything works, in a few seconds; the figures mean nothing.");
        return set;
    }

    /// <summary>Returns the kind of a comma-separated list of known names.</summary>
    public static OptionKind<IReadOnlyList<string>> Among(IReadOnlyList<string> known) => OptionKind.List(
        "NAMES",
        name => known.Contains(name) ? Parsed.Of(name) : Parsed.Fault<string>("is unknown"),
        $"names other than {string.Join(", ", known)}");
}
