using System.Runtime.InteropServices;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary>The default processor: counts packets and payload bytes.</summary>
/// <remarks>Each event loop has its own counts, summed when read, so that no two loops write the same memory.</remarks>
internal sealed class CountingProcessor : IPacketProcessor
{
    private readonly Tally[] _tallies;

    /// <summary>Creates a processor for a number of event loops.</summary>
    /// <param name="eventLoops">The number of event loops of the server.</param>
    public CountingProcessor(int eventLoops) => _tallies = new Tally[eventLoops];

    /// <summary>The packets counted.</summary>
    public long Packets => _tallies.Sum(static tally => tally.Packets);

    /// <summary>The payload bytes of those packets.</summary>
    public long PayloadBytes => _tallies.Sum(static tally => tally.PayloadBytes);

    /// <inheritdoc/>
    public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
    {
        ref Tally tally = ref _tallies[source.EventLoop];
        tally.Packets += batch.Count;
        tally.PayloadBytes += batch.PayloadByteCount;
        return ValueTask.CompletedTask;
    }

    /// <summary>The counts of one event loop, on cache lines of their own.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct Tally
    {
        public long Packets;
        public long PayloadBytes;
    }
}
