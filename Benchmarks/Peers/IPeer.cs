using System.Net;

namespace DotNettyFraming.Benchmarks.Peers;

/// <summary>A server for comparison: receives packets, checks their prefix, counts them, sends no answer.</summary>
/// <remarks>It closes a connection after its peer's close, so that the load generator knows that everything was read.</remarks>
internal interface IPeer
{
    /// <summary>The number of packets, exact after all connections have closed. Thread-safe.</summary>
    long PacketsProcessed { get; }

    /// <summary>Listens on 127.0.0.1 and returns the address; port 0 picks a free one.</summary>
    Task<IPEndPoint> StartAsync(int port);
}
