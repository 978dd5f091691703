using System.Text.Json.Serialization;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>What the load generator answers to a <see cref="LoadOrder"/>: a line of JSON on its standard output.</summary>
/// <param name="Packets">Whole packets sent, every one of which the server has to count.</param>
[JsonDerivedType(typeof(SendReading), "send")]
[JsonDerivedType(typeof(ConnectReading), "connect")]
[JsonDerivedType(typeof(MemoryReading), "memory")]
[JsonDerivedType(typeof(FailedReading), "failed")]
internal abstract record LoadReading(long Packets);

/// <summary>Of a <see cref="SendOrder"/>.</summary>
/// <param name="Packets">Packets sent.</param>
/// <param name="Sweeps">Times that every connection was written to.</param>
/// <param name="LateSweeps">Sweeps that began more than a millisecond after their time; made all the same.</param>
/// <param name="Seconds">From the first write to the last; at full speed, until the server had read and closed everything.</param>
/// <param name="CpuNanoseconds">CPU time of the server, connecting and closing not included (at full speed, closing is).</param>
/// <param name="Sleeps">How often its threads went to sleep meanwhile.</param>
internal sealed record SendReading(long Packets, long Sweeps, long LateSweeps, double Seconds, long CpuNanoseconds, long Sleeps)
    : LoadReading(Packets)
{
    /// <summary>CPU time of the server for one packet.</summary>
    [JsonIgnore]
    public double CpuNanosecondsAPacket => (double)CpuNanoseconds / Packets;

    /// <summary>Packets that the server got through in a second.</summary>
    [JsonIgnore]
    public double PacketsASecond => Packets / Seconds;

    /// <summary>At least 1 where the server was done with each sweep before the next one began; a sign, and no proof.</summary>
    [JsonIgnore]
    public double SleepsASweep => (double)Sleeps / Sweeps;
}

/// <summary>Of a <see cref="ConnectOrder"/>.</summary>
/// <param name="Packets">Packets sent: one a connection.</param>
/// <param name="Seconds">Until the server had closed the last one.</param>
/// <param name="CpuNanoseconds">CPU time of the server, all in all.</param>
internal sealed record ConnectReading(long Packets, double Seconds, long CpuNanoseconds) : LoadReading(Packets)
{
    /// <summary>Connections made, served and closed in a second.</summary>
    [JsonIgnore]
    public double ConnectionsASecond => Packets / Seconds;

    /// <summary>CPU time of the server for one connection, its packet and its close.</summary>
    [JsonIgnore]
    public double CpuNanosecondsAConnection => (double)CpuNanoseconds / Packets;
}

/// <summary>Of a <see cref="MemoryOrder"/>; resident memory of the server, bytes.</summary>
/// <param name="Packets">Packets sent, whole ones only.</param>
/// <param name="Connections">Connections at a time.</param>
/// <param name="AtRest">Before any connection.</param>
/// <param name="Idle">With all connections open, nothing sent.</param>
/// <param name="AfterThreePackets">With all open, each of which has sent 3 packets one by one.</param>
/// <param name="HalfSent">With all open, each of which has sent 40,000 bytes of a packet of 65,007.</param>
/// <param name="AfterFirstRound">A rest after all of these have closed.</param>
/// <param name="AfterSecondRound">A rest after as many more half-sent packets have come and gone.</param>
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
    /// <summary>Bytes that each connection added over the server at rest.</summary>
    public double AConnection(long resident) => (double)(resident - AtRest) / Connections;
}

/// <summary>Nothing was measured.</summary>
/// <param name="Reason">Why, in one line.</param>
internal sealed record FailedReading(string Reason) : LoadReading(0);
