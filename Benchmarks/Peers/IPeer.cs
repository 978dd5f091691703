using System.Net;

namespace DotNettyFraming.Benchmarks.Peers;

/// <summary>A server to compare with: takes packets of the protocol, checks their prefix, counts them, answers nothing.</summary>
/// <remarks>It closes a connection whose peer has closed, which is how the load generator knows that everything was read.</remarks>
internal interface IPeer
{
    /// <summary>Packets counted; exact once all connections are closed. Any thread.</summary>
    long PacketsProcessed { get; }

    /// <summary>Begins to listen on 127.0.0.1.</summary>
    /// <param name="port">0 picks a free one.</param>
    /// <returns>Where it listens.</returns>
    Task<IPEndPoint> StartAsync(int port);
}
