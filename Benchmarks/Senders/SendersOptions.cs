using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Hosting.Options;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>The options of <c>senders</c>.</summary>
internal sealed record SendersOptions
{
    public int Rounds { get; init; } = 5;

    public int Seconds { get; init; } = 3;

    public IReadOnlyList<string> Loads { get; init; } = [.. SendersPlan.AllLoads.Select(load => load.Name)];

    public bool Quick { get; init; }

    /// <summary>The measurements.</summary>
    public SendersPlan Plan => Quick
        ? SendersPlan.Quick
        : new SendersPlan
        {
            Loads = [.. SendersPlan.AllLoads.Where(load => Loads.Contains(load.Name))],
            Rounds = Rounds,
            Duration = TimeSpan.FromSeconds(Seconds),
        };

    /// <summary>Declares the options.</summary>
    public static OptionSet<SendersOptions> Declare()
    {
        var none = new SendersOptions();
        var set = new OptionSet<SendersOptions>(
            $"{Program.Name} {SendersCommand.Mode}",
            "Measures the load client and a minimal sender on this machine, in turn and repeatedly.",
            EnvironmentPrefix.Benchmarks,
            none);
        set.Add(
            "--rounds", OptionKind.Integer(1, 1000), none.Rounds, (o, v) => o with { Rounds = v },
            "Times that both are measured with each load.");
        set.Add(
            "--seconds", OptionKind.Integer(1, 600), none.Seconds, (o, v) => o with { Seconds = v }, "Length of one measurement, seconds.");
        set.Add(
            "--loads", CompareOptions.Among(none.Loads), none.Loads, (o, v) => o with { Loads = v },
            $"Loads to measure with, comma-separated, connections x packets per write: {string.Join(", ", none.Loads)}.", "all");
        set.Add(
            "--quick", OptionKind.Flag, false, (o, v) => o with { Quick = v },
            "Only tests that everything works, in a few seconds; the figures mean nothing.");
        return set;
    }
}
