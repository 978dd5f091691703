namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The loads of the comparison.</summary>
/// <remarks>
/// A load consists of sweeps: one write to each connection, then nothing until the next sweep is due. The rates are the same
/// for every server, and low enough for the slowest to finish a sweep before the next one starts. So no read finds two writes,
/// which would favour a slow server (docs/benchmarks.md).
/// </remarks>
internal static class Workloads
{
    private const int SmallPayload = 25; // the load client's default packet: 7 + 25 = 32 bytes
    private const int LargePayload = 1000;

    /// <summary>The five main loads, which measure CPU time per packet.</summary>
    public static readonly IReadOnlyList<Workload> Paced =
    [
        new("W1", Connections: 100, PacketsPerWrite: 1, SmallPayload, WritesPerSecond: 40_000),
        new("W2", Connections: 100, PacketsPerWrite: 64, SmallPayload, WritesPerSecond: 40_000),
        new("W3", Connections: 1_000, PacketsPerWrite: 1, SmallPayload, WritesPerSecond: 40_000),
        new("W4", Connections: 100, PacketsPerWrite: 1_000, SmallPayload, WritesPerSecond: 5_000),
        new("W5", Connections: 100, PacketsPerWrite: 16, LargePayload, WritesPerSecond: 10_000),
    ];

    /// <summary>W1 with other numbers of connections; a curve together with W1 (100) and W3 (1,000).</summary>
    public static readonly IReadOnlyList<Workload> Curve =
    [
        Paced[0] with { Name = "W1-10", Connections = 10 },
        Paced[0] with { Name = "W1-9000", Connections = 9_000 },
    ];

    /// <summary>The five loads as fast as the server reads, which measure packets per second.</summary>
    public static readonly IReadOnlyList<Workload> FullSpeed =
        [.. Paced.Select(load => load with { Name = $"{load.Name}-full", WritesPerSecond = 0 })];

    /// <summary>All loads in the order of measurement.</summary>
    public static readonly IReadOnlyList<Workload> All = [.. Paced, .. Curve, .. FullSpeed];
}
