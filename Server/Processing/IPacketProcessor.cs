using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary>The user's code: processes packets.</summary>
/// <remarks>
/// One processor serves all connections, on all event loops in parallel; for one connection always on the same loop and in the order of its
/// packets. <see cref="TestConnection"/> tests one without a server.
/// </remarks>
public interface IPacketProcessor
{
    /// <summary>Prepares for packets; the server listens when it completes. A failure fails the start of the server.</summary>
    /// <param name="options">The options in force, with the number of event loops.</param>
    /// <param name="cancellationToken">Cancelled when the server is to stop.</param>
    Task StartAsync(ServerOptions options, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Processes the packets of one batch.</summary>
    /// <param name="batch">The packets, borrowed until this method returns, not until its task completes. To keep them longer, take
    /// <see cref="PacketBatch.Detach"/> and release that.</param>
    /// <param name="source">The connection of the packets.</param>
    /// <param name="cancellationToken">Cancelled when the server no longer waits for processing to complete.</param>
    /// <returns>Completes when the packets are processed; with a store they are stored then. A failure closes the connection with
    /// <c>ProcessingFailed</c>, and its packets count as dropped.</returns>
    /// <remarks>It must not block: it runs on the event loop, and thousands of connections wait for it. It may be called before earlier
    /// batches of the connection are complete, up to a bound at which reading pauses.</remarks>
    ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken);

    /// <summary>Ends the processor, after the last packet was processed and every connection closed.</summary>
    /// <param name="cancellationToken">Cancelled when <see cref="ServerOptions.DrainTimeout"/> is over.</param>
    Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
