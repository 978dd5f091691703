using System.Diagnostics;
using DotNetty.Buffers;

namespace DotNettyFraming.Codec;

/// <summary>The received part of an unfinished packet, in a buffer of its own, so that the read buffer can be used again.</summary>
/// <remarks>
/// Later reads complete the packet in this buffer. It grows by an eighth, so that one-byte reads of a large packet cost linear time,
/// and never beyond the packet's length, so that a peer cannot make the server hold much more than it sent.
/// </remarks>
internal struct UnfinishedPacket
{
    /// <summary>Packets up to this length get a pooled buffer for the whole packet; longer ones get arrays that grow.</summary>
    /// <remarks>The pool rounds up: 65,541 bytes to 131,072.</remarks>
    private const int MaxPooledLength = 1024;

    /// <summary>With more than this held on the loop, arrays are pinned.</summary>
    /// <remarks>They live long then, and the garbage collector would copy each into its second generation.</remarks>
    private const long PinnedAboveHeld = 16 * 1024 * 1024;

    private IByteBuffer? _buffer;
    private int _packetLength;

    /// <summary>Whether a part of a packet is held.</summary>
    public readonly bool Exists => _buffer is not null;

    /// <summary>Bytes received of it; 0 if there is none.</summary>
    public readonly int Length => _buffer?.ReadableBytes ?? 0;

    /// <summary>Bytes allocated for it; 0 if there is none.</summary>
    public readonly int AllocatedBytes => _buffer?.Capacity ?? 0;

    /// <summary>The length of the whole packet; 0 while it is unknown.</summary>
    public readonly int PacketLength => _packetLength;

    /// <summary>The announced payload length, if <see cref="PacketLength"/> is known.</summary>
    public readonly int PayloadLength => _packetLength - PacketHeader.Size;

    /// <summary>Bytes missing to complete the packet, or to know its length.</summary>
    public readonly int Missing => (_packetLength == 0 ? PacketHeader.LengthKnownAt : _packetLength) - Length;

    /// <summary>Moves the bytes that the packet is missing from <paramref name="input"/>, as far as it has them.</summary>
    /// <param name="allocator">For small packets.</param>
    /// <param name="input">The read.</param>
    /// <param name="held">Bytes held by all unfinished packets of the loop.</param>
    /// <returns>The number of bytes moved.</returns>
    /// <remarks>Stops when the length becomes known, so that the caller can refuse it before memory is allocated for it.</remarks>
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

    /// <summary>Returns the buffer with its reference, and forgets the packet.</summary>
    public IByteBuffer Detach()
    {
        Debug.Assert(_buffer is not null, "there is a packet");
        IByteBuffer buffer = _buffer;
        this = default;
        return buffer;
    }

    /// <summary>Releases the buffer, if there is one, and forgets the packet.</summary>
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
        IByteBuffer larger = capacity <= MaxPooledLength ? allocator.HeapBuffer(capacity, capacity)
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

        if (_packetLength <= MaxPooledLength)
        {
            return _packetLength;
        }

        // The first part gets its exact size; growth starts with the second. If at most an eighth is missing, the whole packet's room
        // is allocated: otherwise the first 64 KiB of a packet of 65,542 bytes would be copied for six bytes more.
        if (needed + (needed / 8) >= _packetLength)
        {
            return _packetLength;
        }

        int grown = _buffer is { } buffer ? buffer.Capacity + (buffer.Capacity / 8) : needed;
        return Math.Min(_packetLength, Math.Max(needed, grown));
    }
}
