using System.Text.Json.Serialization;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The answer to a <see cref="LoadOrder"/>: one line of JSON on the load generator's standard output.</summary>
/// <param name="Packets">Whole packets sent; the server must count each of them.</param>
[JsonDerivedType(typeof(SendReading), "send")]
[JsonDerivedType(typeof(ConnectReading), "connect")]
[JsonDerivedType(typeof(MemoryReading), "memory")]
[JsonDerivedType(typeof(FailedReading), "failed")]
internal abstract record LoadReading(long Packets);

/// <summary>The answer to a <see cref="SendOrder"/>.</summary>
/// <param name="Packets">Packets sent.</param>
/// <param name="Sweeps">Sweeps: writes to every connection.</param>
/// <param name="LateSweeps">Sweeps that started more than one millisecond late.</param>
/// <param name="Seconds">From the first write to the last; at full speed, until the server had read and closed everything.</param>
/// <param name="CpuNanoseconds">CPU time of the server without connecting and, except at full speed, closing.</param>
/// <param name="Sleeps">The number of times that its threads went to sleep.</param>
internal sealed record SendReading(long Packets, long Sweeps, long LateSweeps, double Seconds, long CpuNanoseconds, long Sleeps)
    : LoadReading(Packets)
{
    /// <summary>CPU time of the server per packet.</summary>
    [JsonIgnore]
    public double CpuNanosecondsPerPacket => (double)CpuNanoseconds / Packets;

    /// <summary>Packets that the server processed per second.</summary>
    [JsonIgnore]
    public double PacketsPerSecond => Packets / Seconds;

    /// <summary>Sleeps per sweep; 1 or more indicates that the server finished each sweep before the next one started.</summary>
    [JsonIgnore]
    public double SleepsPerSweep => (double)Sleeps / Sweeps;
}

/// <summary>The answer to a <see cref="ConnectOrder"/>.</summary>
/// <param name="Packets">Packets sent: one per connection.</param>
/// <param name="Seconds">The time until the server had closed the last connection.</param>
/// <param name="CpuNanoseconds">CPU time of the server.</param>
internal sealed record ConnectReading(long Packets, double Seconds, long CpuNanoseconds) : LoadReading(Packets)
{
    /// <summary>Connections made, served and closed per second.</summary>
    [JsonIgnore]
    public double ConnectionsPerSecond => Packets / Seconds;

    /// <summary>CPU time of the server per connection, with its packet and its close.</summary>
    [JsonIgnore]
    public double CpuNanosecondsPerConnection => (double)CpuNanoseconds / Packets;
}

/// <summary>The answer to a <see cref="MemoryOrder"/>: resident memory of the server in bytes.</summary>
/// <param name="Packets">Whole packets sent.</param>
/// <param name="Connections">Connections at a time.</param>
/// <param name="AtRest">Before any connection.</param>
/// <param name="Idle">With all connections open and silent.</param>
/// <param name="AfterThreePackets">With all connections open, after 3 single packets each.</param>
/// <param name="HalfSent">With all connections open, after 40,000 bytes each of a packet of 65,007.</param>
/// <param name="AfterFirstRound">Some time after all of these have closed.</param>
/// <param name="AfterSecondRound">Some time after a second round of half-sent packets.</param>
internal sealed record MemoryReading(
    long Packets,
    int Connections,
    long AtRest,
    long Idle,
    long AfterThreePackets,
    long HalfSent,
    long AfterFirstRound,
    long AfterSecondRound) : LoadReading(Packets)
{
    /// <summary>Returns the bytes per connection above the server at rest.</summary>
    public double PerConnection(long resident) => (double)(resident - AtRest) / Connections;
}

/// <summary>A failed measurement, with its reason in one line.</summary>
internal sealed record FailedReading(string Reason) : LoadReading(0);
