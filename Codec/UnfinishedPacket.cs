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
    private int _headerLength;

    /// <summary>Whether a part of a packet is held.</summary>
    public readonly bool Exists => _buffer is not null;

    /// <summary>Bytes received of it; 0 if there is none.</summary>
    public readonly int Length => _buffer?.ReadableBytes ?? 0;

    /// <summary>Bytes allocated for it; 0 if there is none.</summary>
    public readonly int AllocatedBytes => _buffer?.Capacity ?? 0;

    /// <summary>The length of the whole packet; 0 while it is unknown.</summary>
    public readonly int PacketLength => _packetLength;

    /// <summary>Bytes missing to complete the packet, if <see cref="PacketLength"/> is known.</summary>
    /// <remarks>Negative if bytes of the next packet are held: those that decided between two alternatives of the layout.</remarks>
    public readonly int Missing => _packetLength - Length;

    /// <summary>Whether the packet is whole.</summary>
    public readonly bool IsWhole => _packetLength != 0 && Missing == 0;

    /// <summary>The packet as a run, when it is whole.</summary>
    public readonly PacketRun Run => new(1, _packetLength, _headerLength, _packetLength);

    /// <summary>Inspects the header in the bytes held and those that follow, and keeps the packet's length once it is known.</summary>
    public HeaderInspection Inspect(scoped ReadOnlySpan<byte> next, HeaderLayout layout, int maxPayload)
    {
        Span<byte> joined = stackalloc byte[HeaderLayout.LongestHeader];
        if (_buffer is { } held)
        {
            int following = Math.Min(next.Length, joined.Length - held.ReadableBytes);
            held.Array.AsSpan(held.ArrayOffset + held.ReaderIndex, held.ReadableBytes).CopyTo(joined);
            next[..following].CopyTo(joined[held.ReadableBytes..]);
            next = joined[..(held.ReadableBytes + following)];
        }

        HeaderInspection header = layout.Inspect(next, maxPayload);
        _packetLength = header.PacketLength;
        _headerLength = header.HeaderLength;
        return header;
    }

    /// <summary>Moves the bytes that the packet is missing from <paramref name="input"/>, or all while its length is unknown.</summary>
    /// <param name="input">The read.</param>
    /// <param name="maxHeaderLength">The layout's longest header.</param>
    /// <param name="allocator">For small packets.</param>
    /// <param name="held">Bytes held by all unfinished packets of the loop.</param>
    /// <returns>The number of bytes moved.</returns>
    public int Take(IByteBuffer input, int maxHeaderLength, IByteBufferAllocator allocator, long held)
    {
        int count = _packetLength == 0 ? input.ReadableBytes : Math.Min(Missing, input.ReadableBytes);
        int capacity = _packetLength == 0 ? maxHeaderLength : Capacity(Length + count);
        Reserve(Length + count, capacity, allocator, held).WriteBytes(input, count);
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

    private IByteBuffer Reserve(int needed, int capacity, IByteBufferAllocator allocator, long held)
    {
        if (_buffer is { } present && present.Capacity >= needed)
        {
            return present;
        }

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
