namespace DotNettyFraming.Codec;

/// <summary>Byte counts of decoders; all decoders of one event loop can share one object.</summary>
/// <remarks>
/// The event loop writes with plain additions; any thread reads. At rest
/// <c>received = bytes of the packets passed on + discarded + unfinished</c>.
/// </remarks>
public sealed class DecoderCounters
{
    private long _received;
    private long _discarded;
    private long _unfinished;
    private long _released;
    private long _allocated;

    /// <summary>Bytes that the decoders were given.</summary>
    public long BytesReceived => Volatile.Read(ref _received);

    /// <summary>Bytes that belong to no whole packet: everything from a fault on, and packets cut off by a connection's end.</summary>
    public long BytesDiscarded => Volatile.Read(ref _discarded);

    /// <summary>Bytes of unfinished packets that are held now.</summary>
    public long BytesUnfinished => Volatile.Read(ref _unfinished);

    /// <summary>Bytes of unfinished packets that were held and have been released, since start.</summary>
    public long BytesReleased => Volatile.Read(ref _released);

    /// <summary>Memory allocated for unfinished packets: somewhat more than <see cref="BytesUnfinished"/>.</summary>
    public long BytesAllocated => Volatile.Read(ref _allocated);

    /// <summary>Called with each change of <see cref="BytesAllocated"/>, on the event loop.</summary>
    /// <remarks>A decoder calls it in the middle of a read: it must not throw or call <see cref="PacketDecoder.Abandon"/>.</remarks>
    public Action<int>? AllocationChanged { get; set; }

    internal void Received(int bytes) => _received += bytes;

    internal void Discarded(int bytes) => _discarded += bytes;

    internal void Held(int bytes) => _unfinished += bytes;

    internal void Released(int bytes)
    {
        _unfinished -= bytes;
        _released += bytes;
    }

    /// <summary>Counts memory for unfinished packets, also of handlers in front of the decoder; on the event loop.</summary>
    /// <param name="change">Bytes; negative when memory is released.</param>
    public void Allocated(int change)
    {
        if (change != 0)
        {
            _allocated += change;
            AllocationChanged?.Invoke(change);
        }
    }
}
