using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>What a comparison is to measure, and how long.</summary>
/// <remarks>Beside the sending loads, a plan names <see cref="ConnectLoad"/> and <see cref="MemoryLoad"/> among its loads.</remarks>
internal sealed record ComparisonPlan
{
    /// <summary>The load of connections accepted a second.</summary>
    public const string ConnectLoad = "connect";

    /// <summary>The three rows of memory.</summary>
    public const string MemoryLoad = "memory";

    /// <summary>Every load that can be asked for.</summary>
    public static readonly IReadOnlyList<string> LoadNames = [.. Workloads.All.Select(load => load.Name), ConnectLoad, MemoryLoad];

    /// <summary>What is sent.</summary>
    public required IReadOnlyList<Workload> Sending { get; init; }

    /// <summary>Whether connections a second are measured.</summary>
    public required bool Connecting { get; init; }

    /// <summary>Rounds of memory; each starts every server afresh.</summary>
    public required int MemoryRounds { get; init; }

    /// <summary>Times that each server is measured with each load.</summary>
    public required int Rounds { get; init; }

    /// <summary>Length of one measurement.</summary>
    public required double Seconds { get; init; }

    /// <summary>Unmeasured time that each server gets of each load first.</summary>
    public double WarmUpSeconds { get; init; } = 2;

    /// <summary>Connections of the memory rows.</summary>
    public int MemoryConnections { get; init; } = 9_000;

    /// <summary>How long after the last close to look at what memory came back.</summary>
    public double MemoryRestSeconds { get; init; } = 15;

    /// <summary>A plan of a few seconds in all, to see that everything works. Its figures mean nothing.</summary>
    public static ComparisonPlan Quick { get; } = new()
    {
        Sending = [.. Workloads.All.Where(load => load.Name is "W1" or "W4-full")],
        Connecting = true,
        MemoryRounds = 1,
        Rounds = 1,
        Seconds = 0.05,
        WarmUpSeconds = 0.02,
        MemoryConnections = 100,
        MemoryRestSeconds = 0.05,
    };
}
