using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>The measurements of a comparison of senders: its loads, rounds and duration.</summary>
internal sealed record SendersPlan
{
    private const int DefaultPayload = 25; // 7 + 25 = 32 bytes

    /// <summary>All loads, at full speed: write sizes at 100 connections, and the ends of the range of connections.</summary>
    public static readonly IReadOnlyList<Workload> AllLoads =
        [Of(100, 1), Of(100, 64), Of(100, 1_000), Of(1, 1), Of(10_000, 1)];

    /// <summary>The loads.</summary>
    public required IReadOnlyList<Workload> Loads { get; init; }

    /// <summary>Rounds of each load.</summary>
    public required int Rounds { get; init; }

    /// <summary>The duration of one measurement.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>A plan of a few seconds that only tests that everything works.</summary>
    public static SendersPlan Quick { get; } = new()
    {
        Loads = [Of(100, 64), Of(300, 1)],
        Rounds = 1,
        Duration = TimeSpan.FromMilliseconds(100),
    };

    private static Workload Of(int connections, int packetsPerWrite) =>
        new($"{connections}x{packetsPerWrite}", connections, packetsPerWrite, DefaultPayload, WritesPerSecond: 0);
}
