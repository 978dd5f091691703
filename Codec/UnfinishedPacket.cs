using System.Diagnostics;
using DotNetty.Buffers;

namespace DotNettyFraming.Codec;

/// <summary>The beginning of a packet whose end has not come yet, in a buffer of its own, so that the read buffer is free again.</summary>
/// <remarks>
/// Later reads complete the packet in this buffer: each byte is copied in once, and again only when the buffer grows. It grows
/// by an eighth, so that one-byte reads of a large packet stay linear, and never past the packet's size, so that a peer makes us
/// hold hardly more than it sent. A packet of up to <see cref="WholeAtOnceLength"/> gets its room at once.
/// </remarks>
internal struct UnfinishedPacket
{
    /// <summary>Up to this size the whole packet's room is taken from the pool at once; above, arrays of exact size, as the pool
    /// would round 65,541 bytes up to 131,072.</summary>
    private const int WholeAtOnceLength = 1024;

    /// <summary>
    /// With more than this held on the loop, pieces live long: the collector would copy each into its second generation. Such arrays are
    /// pinned, so they stay where they are.
    /// </summary>
    private const long PinnedAboveHeld = 16 * 1024 * 1024;

    private IByteBuffer? _buffer;
    private int _packetLength;

    /// <summary>Whether a packet has been begun.</summary>
    public readonly bool Exists => _buffer is not null;

    /// <summary>Bytes of it that are here; 0 when there is none.</summary>
    public readonly int Length => _buffer?.ReadableBytes ?? 0;

    /// <summary>Bytes allocated for it, at least <see cref="Length"/>; 0 when there is none.</summary>
    public readonly int AllocatedBytes => _buffer?.Capacity ?? 0;

    /// <summary>The length of the whole packet, or 0 while too little of the header is here to know.</summary>
    public readonly int PacketLength => _packetLength;

    /// <summary>The payload length that its header announces; only when <see cref="PacketLength"/> is known.</summary>
    public readonly int PayloadLength => _packetLength - PacketHeader.Size;

    /// <summary>Bytes still needed: of the packet, or, while its length is unknown, to know its length.</summary>
    public readonly int Missing => (_packetLength == 0 ? PacketHeader.LengthKnownAt : _packetLength) - Length;

    /// <summary>Moves as much of <paramref name="input"/> into the packet as it still needs to be whole.</summary>
    /// <param name="allocator">For small packets.</param>
    /// <param name="input">The read.</param>
    /// <param name="held">Bytes held by all unfinished packets of the loop.</param>
    /// <returns>The bytes taken, at least 1 if <paramref name="input"/> has any.</returns>
    /// <remarks>Stops where the length becomes known, so that the caller can refuse it before anything is taken for it.</remarks>
    public int Take(IByteBufferAllocator allocator, IByteBuffer input, long held)
    {
        if (_buffer is null && input.ReadableBytes >= PacketHeader.LengthKnownAt)
        {
            _packetLength = PacketHeader.Size + input.GetUnsignedShortLE(input.ReaderIndex + PacketHeader.LengthOffset);
        }

        int count = Math.Min(Missing, input.ReadableBytes);
        IByteBuffer buffer = Reserve(allocator, Length + count, held);
        buffer.WriteBytes(input, count);
        if (_packetLength == 0 && buffer.ReadableBytes >= PacketHeader.LengthKnownAt)
        {
            _packetLength = PacketHeader.Size + buffer.GetUnsignedShortLE(buffer.ReaderIndex + PacketHeader.LengthOffset);
        }

        return count;
    }

    /// <summary>Gives the buffer away, with its reference, and forgets the packet.</summary>
    public IByteBuffer Detach()
    {
        Debug.Assert(_buffer is not null, "there is a packet");
        IByteBuffer buffer = _buffer;
        this = default;
        return buffer;
    }

    /// <summary>Gives the buffer back and forgets the packet, if there is one.</summary>
    public void Release()
    {
        _buffer?.Release();
        this = default;
    }

    private IByteBuffer Reserve(IByteBufferAllocator allocator, int needed, long held)
    {
        if (_buffer is { } present && present.Capacity >= needed)
        {
            return present;
        }

        int capacity = Capacity(needed);
        IByteBuffer larger = capacity <= WholeAtOnceLength ? allocator.HeapBuffer(capacity, capacity)
            : held <= PinnedAboveHeld ? UnpooledByteBufferAllocator.Default.HeapBuffer(capacity, capacity)
            : Unpooled.WrappedBuffer(GC.AllocateUninitializedArray<byte>(capacity, pinned: true)).Clear();
        if (_buffer is { } old)
        {
            larger.WriteBytes(old);
            old.Release();
        }

        _buffer = larger;
        return larger;
    }

    private readonly int Capacity(int needed)
    {
        if (_packetLength == 0)
        {
            return PacketHeader.Size;
        }

        if (_packetLength <= WholeAtOnceLength)
        {
            return _packetLength;
        }

        // A first piece is held as it came; growth starts with the second. But where all that is missing is an eighth, its room is taken at
        // once: a read of 64 KiB of a packet of 65,542 bytes would be copied, and be garbage, for six bytes more.
        if (needed + (needed / 8) >= _packetLength)
        {
            return _packetLength;
        }

        int grown = _buffer is { } buffer ? buffer.Capacity + (buffer.Capacity / 8) : needed;
        return Math.Min(_packetLength, Math.Max(needed, grown));
    }
}
