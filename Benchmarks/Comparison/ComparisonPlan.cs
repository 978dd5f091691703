using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>The measurements of a comparison: its loads, their rounds and durations.</summary>
internal sealed record ComparisonPlan
{
    /// <summary>The load that measures accepted connections per second.</summary>
    public const string ConnectLoad = "connect";

    /// <summary>The load that measures memory.</summary>
    public const string MemoryLoad = "memory";

    /// <summary>The load that measures acknowledgements.</summary>
    public const string AcknowledgementLoad = "ack";

    /// <summary>The names of all loads.</summary>
    public static readonly IReadOnlyList<string> LoadNames =
        [.. Workloads.All.Select(load => load.Name), ConnectLoad, AcknowledgementLoad, MemoryLoad];

    /// <summary>The loads that send packets.</summary>
    public required IReadOnlyList<Workload> Sending { get; init; }

    /// <summary>Whether connections per second are measured.</summary>
    public required bool Connecting { get; init; }

    /// <summary>Whether acknowledgements of this server are measured.</summary>
    public bool Acknowledging { get; init; }

    /// <summary>Rounds of the memory load; each starts every server anew.</summary>
    public required int MemoryRounds { get; init; }

    /// <summary>Rounds of every other load.</summary>
    public required int Rounds { get; init; }

    /// <summary>The duration of one measurement.</summary>
    public required double Seconds { get; init; }

    /// <summary>The duration of each load before the first measurement.</summary>
    public double WarmUpSeconds { get; init; } = 2;

    /// <summary>Connections of the memory load.</summary>
    public int MemoryConnections { get; init; } = 9_000;

    /// <summary>The time from the last close to the measurement of released memory.</summary>
    public double MemoryRestSeconds { get; init; } = 15;

    /// <summary>A plan of a few seconds that only tests that everything works.</summary>
    public static ComparisonPlan Quick { get; } = new()
    {
        Sending = [.. Workloads.All.Where(load => load.Name is "W1" or "W4-full")],
        Connecting = true,
        Acknowledging = true,
        MemoryRounds = 1,
        Rounds = 1,
        Seconds = 0.05,
        WarmUpSeconds = 0.02,
        MemoryConnections = 100,
        MemoryRestSeconds = 0.05,
    };
}
