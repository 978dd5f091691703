using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>What a comparison of senders is to measure, and how long.</summary>
internal sealed record SendersPlan
{
    private const int ArticlePayload = 25; // 7 + 25 = 32 bytes

    /// <summary>All loads: write sizes at 100 connections, and the ends of the range of connections. As fast as the server takes them.</summary>
    public static readonly IReadOnlyList<Workload> AllLoads =
        [Of(100, 1), Of(100, 64), Of(100, 1_000), Of(1, 1), Of(10_000, 1)];

    /// <summary>What is sent.</summary>
    public required IReadOnlyList<Workload> Loads { get; init; }

    /// <summary>Times that each sender is measured with each load.</summary>
    public required int Rounds { get; init; }

    /// <summary>Length of one measurement.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>A plan of a few seconds in all, to see that everything works. Its figures mean nothing.</summary>
    public static SendersPlan Quick { get; } = new()
    {
        Loads = [Of(100, 64), Of(300, 1)],
        Rounds = 1,
        Duration = TimeSpan.FromMilliseconds(100),
    };

    private static Workload Of(int connections, int packetsAWrite) =>
        new($"{connections}x{packetsAWrite}", connections, packetsAWrite, ArticlePayload, WritesASecond: 0);
}
