using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary>What the server does with packets: the place for your own work.</summary>
/// <remarks>
/// One processor serves all connections, and is called on all event loops at once; for one connection, always on the same
/// loop and in the order of its packets. See <see cref="CountingProcessor"/> for work that completes at once, and
/// <see cref="SimulatedWorkProcessor"/> for work that goes on elsewhere.
/// </remarks>
public interface IPacketProcessor
{
    /// <summary>Processes the packets of one batch.</summary>
    /// <param name="batch">Borrowed until this method returns (not until its task completes): whoever needs the packets longer
    /// takes <see cref="PacketBatch.Detach"/>, and releases that.</param>
    /// <param name="source">The connection that the packets came on.</param>
    /// <param name="cancellationToken">Cancelled when the server will wait no longer for what is being processed.</param>
    /// <returns>Completes when the packets are processed; they are counted then. A failure closes the connection with
    /// <c>ProcessingFailed</c>, and the batch's packets are counted as dropped.</returns>
    /// <remarks>Must not block: it runs on the event loop, and thousands of other connections wait for it. Batches of one
    /// connection may be given before earlier ones completed, up to a bound that then holds the peer back.</remarks>
    ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken);
}
