namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The loads of the comparison.</summary>
/// <remarks>
/// A load comes in sweeps: a write to each connection, one behind the other, and then nothing until the next sweep is due. The rates
/// are the same for every server, and such that the slowest of them is done with a sweep before the next one begins: no read finds
/// two writes, so that a slow server is not flattered by packets that pile up (README.md has the whole argument).
/// </remarks>
internal static class Workloads
{
    private const int SmallPayload = 25; // the article's packet: 7 + 25 = 32 bytes
    private const int LargePayload = 1000;

    /// <summary>The five loads that the bars are set for; CPU time a packet is what is measured.</summary>
    public static readonly IReadOnlyList<Workload> Paced =
    [
        new("W1", Connections: 100, PacketsAWrite: 1, SmallPayload, WritesASecond: 40_000),
        new("W2", Connections: 100, PacketsAWrite: 64, SmallPayload, WritesASecond: 40_000),
        new("W3", Connections: 1_000, PacketsAWrite: 1, SmallPayload, WritesASecond: 40_000),
        new("W4", Connections: 100, PacketsAWrite: 1_000, SmallPayload, WritesASecond: 5_000),
        new("W5", Connections: 100, PacketsAWrite: 16, LargePayload, WritesASecond: 10_000),
    ];

    /// <summary>W1 over other numbers of connections; with W1 (100) and W3 (1,000) it makes a curve.</summary>
    public static readonly IReadOnlyList<Workload> Curve =
    [
        Paced[0] with { Name = "W1-10", Connections = 10 },
        Paced[0] with { Name = "W1-9000", Connections = 9_000 },
    ];

    /// <summary>The five loads again, as fast as the server takes them; packets a second is what is measured.</summary>
    public static readonly IReadOnlyList<Workload> FullSpeed =
        [.. Paced.Select(load => load with { Name = $"{load.Name}-full", WritesASecond = 0 })];

    /// <summary>All of them, in the order of measuring.</summary>
    public static readonly IReadOnlyList<Workload> All = [.. Paced, .. Curve, .. FullSpeed];
}
