using System.Runtime.InteropServices;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary>The default processor: counts packets and payload bytes.</summary>
/// <remarks>Counts per event loop and sums when read, so that the loops share no memory that they write.</remarks>
public sealed class CountingProcessor : IPacketProcessor
{
    private readonly Tally[] _tallies;

    /// <summary>Makes a processor.</summary>
    /// <param name="eventLoops">How many event loops will call it.</param>
    public CountingProcessor(int eventLoops) => _tallies = new Tally[eventLoops];

    /// <summary>Packets counted.</summary>
    public long Packets => _tallies.Sum(static tally => tally.Packets);

    /// <summary>Payload bytes of the packets counted.</summary>
    public long PayloadBytes => _tallies.Sum(static tally => tally.PayloadBytes);

    /// <inheritdoc/>
    public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
    {
        ref Tally tally = ref _tallies[source.EventLoop];
        tally.Packets += batch.Count;
        tally.PayloadBytes += batch.PayloadByteCount;
        return ValueTask.CompletedTask;
    }

    /// <summary>One event loop's share, on cache lines of its own.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct Tally
    {
        public long Packets;
        public long PayloadBytes;
    }
}
