namespace DotNettyFraming.Server.Diagnostics;

/// <summary>The server at one moment: totals since start where not said otherwise.</summary>
internal sealed record ServerSample
{
    /// <summary>Its number, from 1; one a second.</summary>
    public required long Number { get; init; }

    /// <summary>When it was taken.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Since the sample before; zero for the first.</summary>
    public required TimeSpan SinceLast { get; init; }

    /// <summary>Connections accepted.</summary>
    public required long Accepted { get; init; }

    /// <summary>Connections open now.</summary>
    public required long Open { get; init; }

    /// <summary>Connections held back now.</summary>
    public required long Paused { get; init; }

    /// <summary>Connections closed, by <see cref="CloseReason"/>.</summary>
    public required long[] Closed { get; init; }

    /// <summary>Packets found whole.</summary>
    public required long PacketsReceived { get; init; }

    /// <summary>Packets processed.</summary>
    public required long PacketsProcessed { get; init; }

    /// <summary>Packets given up.</summary>
    public required long PacketsDropped { get; init; }

    /// <summary>Bytes received.</summary>
    public required long BytesReceived { get; init; }

    /// <summary>Bytes of payloads.</summary>
    public required long BytesPayload { get; init; }

    /// <summary>Bytes that belong to no packet.</summary>
    public required long BytesDiscarded { get; init; }

    /// <summary>Bytes held now for packets that are not whole.</summary>
    public required long BytesUnfinished { get; init; }

    /// <summary>Bytes allocated now for packets that are not whole, and for what stands before packets: what <c>--max-buffered</c> bounds.</summary>
    public required long BytesAllocated { get; init; }

    /// <summary>Batches, of one read or a part of one.</summary>
    public required long Batches { get; init; }

    /// <summary>Batches by the age of their first packet, one count for each bucket of <see cref="PacketAges"/>.</summary>
    public required long[] Ages { get; init; }

    /// <summary>Batches whose first packet is from the future.</summary>
    public required long Skewed { get; init; }

    /// <summary>Batches whose first packet is from before 2015.</summary>
    public required long Unset { get; init; }

    /// <summary>Resident memory now, bytes.</summary>
    public required long WorkingSet { get; init; }

    /// <summary>Memory in use on the garbage collector's heap now, bytes.</summary>
    public required long Heap { get; init; }

    /// <summary>Garbage collections.</summary>
    public required long Collections { get; init; }

    /// <summary>For how long collections have stopped all threads.</summary>
    public required TimeSpan CollectionPauses { get; init; }

    /// <summary>The event loops, in the order of <see cref="IServerProbe.EventLoops"/>; null for one that cannot be known.</summary>
    public required LoopSample?[] Loops { get; init; }
}

/// <summary>One event loop at one moment.</summary>
/// <param name="CpuTime">Processor time used since its start.</param>
/// <param name="Busy">The share of the time since the sample before in which it computed, 0 to 1.</param>
/// <param name="QueueLength">Tasks that wait.</param>
internal sealed record LoopSample(TimeSpan CpuTime, double Busy, int QueueLength);
