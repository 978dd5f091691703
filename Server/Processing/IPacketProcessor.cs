using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary>The user's code: processes packets.</summary>
/// <remarks>
/// One processor serves all connections, on all event loops in parallel; for one connection always on the same loop and in the order of its
/// packets. <see cref="CountingProcessor"/> completes immediately, <see cref="SimulatedWorkProcessor"/> on other threads.
/// </remarks>
public interface IPacketProcessor
{
    /// <summary>Processes the packets of one batch.</summary>
    /// <param name="batch">The packets, borrowed until this method returns, not until its task completes. To keep them longer, take
    /// <see cref="PacketBatch.Detach"/> and release that.</param>
    /// <param name="source">The connection of the packets.</param>
    /// <param name="cancellationToken">Cancelled when the server no longer waits for processing to complete.</param>
    /// <returns>Completes when the packets are processed. A failure closes the connection with <c>ProcessingFailed</c>, and its packets
    /// count as dropped.</returns>
    /// <remarks>It must not block: it runs on the event loop, and thousands of connections wait for it. It may be called before earlier
    /// batches of the connection are complete, up to a bound at which reading pauses.</remarks>
    ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken);
}
