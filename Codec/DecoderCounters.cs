namespace DotNettyFraming.Codec;

/// <summary>Byte counts that decoders keep; one object may serve all decoders of one event loop.</summary>
/// <remarks>
/// Written by one thread, the event loop, with plain additions; read by any. At rest
/// <c>received = bytes of the packets handed on + discarded + unfinished</c>.
/// </remarks>
public sealed class DecoderCounters
{
    private long _received;
    private long _discarded;
    private long _unfinished;
    private long _letGo;
    private long _allocated;

    /// <summary>Bytes given to the decoders.</summary>
    public long BytesReceived => Volatile.Read(ref _received);

    /// <summary>Bytes that never became part of a packet: all from a fault on, and packets cut off by the end of a connection.</summary>
    public long BytesDiscarded => Volatile.Read(ref _discarded);

    /// <summary>Bytes held at the moment for packets that are not whole yet.</summary>
    public long BytesUnfinished => Volatile.Read(ref _unfinished);

    /// <summary>Bytes that were held for packets that were not whole, and are no longer; counted since start.</summary>
    public long BytesLetGo => Volatile.Read(ref _letGo);

    /// <summary>Bytes allocated at the moment for packets that are not whole yet: somewhat more than <see cref="BytesUnfinished"/>.</summary>
    public long BytesAllocated => Volatile.Read(ref _allocated);

    /// <summary>Called with each change of <see cref="BytesAllocated"/>, on the event loop.</summary>
    /// <remarks>Inside a decoder: it must not throw, and must not abandon a decoder (<see cref="PacketDecoder.Abandon"/>).</remarks>
    public Action<int>? AllocationChanged { get; set; }

    internal void Received(int bytes) => _received += bytes;

    internal void Discarded(int bytes) => _discarded += bytes;

    internal void Held(int bytes) => _unfinished += bytes;

    internal void LetGo(int bytes)
    {
        _unfinished -= bytes;
        _letGo += bytes;
    }

    /// <summary>Counts memory for unfinished packets, of decoders and of the handlers in front of them. On the event loop.</summary>
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
