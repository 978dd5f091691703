using System.Runtime.InteropServices;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary>The default processor: visits each packet, counts it, and is done.</summary>
/// <remarks>Counts per event loop and sums when read, so that the loops share no memory that they write.</remarks>
public sealed class CountingProcessor : IPacketProcessor
{
    private readonly Tally[] _tallies;

    /// <summary>Makes a processor.</summary>
    /// <param name="eventLoops">How many event loops will call it.</param>
    public CountingProcessor(int eventLoops) => _tallies = new Tally[eventLoops];

    /// <summary>Packets visited.</summary>
    public long Packets => _tallies.Sum(static tally => tally.Packets);

    /// <summary>Payload bytes of the packets visited.</summary>
    public long PayloadBytes => _tallies.Sum(static tally => tally.PayloadBytes);

    /// <inheritdoc/>
    public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
    {
        long packets = 0;
        long payloadBytes = 0;
        foreach (Packet packet in batch)
        {
            packets++;
            payloadBytes += packet.Payload.Length;
        }

        ref Tally tally = ref _tallies[source.EventLoop];
        tally.Packets += packets;
        tally.PayloadBytes += payloadBytes;
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
