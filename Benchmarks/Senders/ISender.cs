using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>A program that sends as fast as the server reads; each run is a new process.</summary>
internal interface ISender
{
    /// <summary>The name in tables.</summary>
    string Name { get; }

    /// <summary>Runs the sender and waits until the server has read everything.</summary>
    /// <param name="port">The server's port on the loopback.</param>
    /// <param name="load">The load.</param>
    /// <param name="duration">The time of sending, after all connections are made.</param>
    /// <exception cref="StartupException">The sender failed.</exception>
    Task<SenderReading> SendAsync(int port, Workload load, TimeSpan duration);
}

/// <summary>The result of one run of a sender.</summary>
/// <param name="Packets">Packets that it reports as sent; the server must count each of them.</param>
/// <param name="Seconds">The time from its first write to its last.</param>
/// <param name="CpuSeconds">The CPU time of sending; null = not reported.</param>
/// <param name="Failed">Requested connections that were not made.</param>
/// <param name="ConnectSeconds">The time of connecting.</param>
/// <param name="PeakResidentBytes">The highest resident memory of its process.</param>
internal sealed record SenderReading(
    long Packets, double Seconds, double? CpuSeconds, int Failed, double ConnectSeconds, long PeakResidentBytes)
{
    /// <summary>Packets sent per second.</summary>
    public double PacketsPerSecond => Packets / Seconds;
}
