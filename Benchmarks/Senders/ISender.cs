using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>A program that sends as fast as the server takes it; each run is a process of its own.</summary>
internal interface ISender
{
    /// <summary>How tables name it.</summary>
    string Name { get; }

    /// <summary>Runs it, and waits until the server has read everything.</summary>
    /// <param name="port">The server's port on the loopback.</param>
    /// <param name="load">How many connections, and what they write.</param>
    /// <param name="duration">How long it sends, once all connections are made.</param>
    /// <exception cref="StartupException">It could not be run.</exception>
    Task<SenderReading> SendAsync(int port, Workload load, TimeSpan duration);
}

/// <summary>What one run of a sender came to.</summary>
/// <param name="Packets">Packets that it says it sent, every one of which the server has to count.</param>
/// <param name="Seconds">How long it sent, by its own account: from its first write to the last that the kernel took.</param>
/// <param name="CpuSeconds">Processor time that it took for that; null where it does not say.</param>
/// <param name="Failed">Connections that were asked for and not made.</param>
/// <param name="ConnectSeconds">How long it took to make the connections.</param>
/// <param name="PeakResidentBytes">The most resident memory that its process had.</param>
internal sealed record SenderReading(
    long Packets, double Seconds, double? CpuSeconds, int Failed, double ConnectSeconds, long PeakResidentBytes)
{
    /// <summary>Packets that it sent in a second.</summary>
    public double PacketsASecond => Packets / Seconds;
}
