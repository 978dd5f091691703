using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.CommandLine;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>The options of <c>senders</c>.</summary>
internal sealed class SendersCommandLine
{
    private const int Rounds = 5;
    private const int Seconds = 3;

    private readonly OptionDeclaration<int> _rounds;
    private readonly OptionDeclaration<int> _seconds;
    private readonly OptionDeclaration<IReadOnlyList<string>> _loads;
    private readonly OptionDeclaration<bool> _quick;

    public SendersCommandLine()
    {
        Set = new OptionSet(
            $"{Program.Name} {SendersCommand.Mode}",
            "Measures the load client and the least that a sender can be on this machine, in turn and repeatedly.",
            EnvironmentPrefix.Benchmarks);
        _rounds = Set.Number("--rounds", "N", Rounds, "Times that both are measured with each load.", 1, 1000);
        _seconds = Set.Number("--seconds", "N", Seconds, "Length of one measurement, seconds.", 1, 600);
        IReadOnlyList<string> names = [.. SendersPlan.AllLoads.Select(load => load.Name)];
        _loads = Set.Custom(
            "--loads", "NAMES", names, "all",
            $"Loads to measure with, comma-separated, connections x packets a write: {string.Join(", ", names)}.",
            CompareCommandLine.Among(names));
        _quick = Set.Flag("--quick", "A few seconds in all, to see that everything works. The figures mean nothing.");
    }

    /// <summary>The declared options.</summary>
    public OptionSet Set { get; }

    /// <summary>What is to be measured.</summary>
    public SendersPlan PlanOf(ParseOutcome outcome) => outcome.Value(_quick)
        ? SendersPlan.Quick
        : new SendersPlan
        {
            Loads = [.. SendersPlan.AllLoads.Where(load => outcome.Value(_loads).Contains(load.Name))],
            Rounds = outcome.Value(_rounds),
            Duration = TimeSpan.FromSeconds(outcome.Value(_seconds)),
        };
}
