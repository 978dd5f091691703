using DotNetty.Buffers;

namespace DotNettyFraming.Codec;

/// <summary>A run of whole packets side by side in one buffer; one read from the socket makes at most two.</summary>
/// <remarks>
/// <para>The pipeline's cost is paid per read, not per packet. <c>foreach (Packet packet in batch)</c> visits the packets without
/// allocating or copying; <see cref="Bytes"/> is the same run verbatim.</para>
/// <para><b>Ownership.</b></para>
/// <list type="number">
/// <item><c>ChannelRead</c> gives one reference: pass the batch on exactly once, or release it exactly once in a
/// <c>finally</c>. DotNetty does not release when a handler throws.</item>
/// <item>A batch is borrowed until <c>ChannelRead</c> returns. To keep it longer on the same thread: <c>Retain</c>.
/// To take it to another thread: <see cref="Detach"/>. Otherwise a queued batch of 32 bytes pins a read buffer of 64 KiB.</item>
/// <item>No <c>Slice</c>, <c>Span</c> or <see cref="Packet"/> outlives the reference.</item>
/// <item>The event loop checks the reference count of its buffer after each read. At 1 it uses the buffer again; above 1 a
/// handler has kept it; below 1 a handler has released it twice, which is reported as an error.</item>
/// <item>With leak detection at Paranoid each read has a buffer of its own, and a batch that is dropped without a release is
/// reported as a leak.</item>
/// </list>
/// <para>Use after the last release throws <c>IllegalReferenceCountException</c>, but not always: slices of a pooled buffer are
/// pooled, so a stale batch can show the bytes of a later read, and a second release can take that read's reference.</para>
/// <para>Threads: one at a time; <see cref="Detach"/> hands a batch over.</para>
/// </remarks>
public sealed class PacketBatch : DefaultByteBufferHolder
{
    /// <summary>Takes over one reference to <paramref name="content"/>; its readable bytes are whole packets side by side.</summary>
    /// <param name="content">A buffer with an array of its own or a slice of one (<c>HasArray</c>).</param>
    /// <param name="count">The number of packets, at least 1.</param>
    /// <param name="firstSequence">The number of packets before these on their connection.</param>
    public PacketBatch(IByteBuffer content, int count, long firstSequence)
        : base(content)
    {
        Count = count;
        FirstSequence = firstSequence;
    }

    /// <summary>The number of packets, at least 1.</summary>
    public int Count { get; }

    /// <summary>The first packet's number on its connection, counted from 0.</summary>
    public long FirstSequence { get; }

    /// <summary>The packets' bytes as received, headers included.</summary>
    public ReadOnlySpan<byte> Bytes
    {
        get
        {
            IByteBuffer content = Content;
            return content.Array.AsSpan(content.ArrayOffset + content.ReaderIndex, content.ReadableBytes);
        }
    }

    /// <summary>The length of <see cref="Bytes"/>.</summary>
    public int ByteCount => Content.ReadableBytes;

    /// <summary>The memory that <see cref="Detach"/> keeps: the size of the copy, or of the whole buffer if it makes none.</summary>
    public int DetachedBytes
    {
        get
        {
            int length = ByteCount;
            int capacity = Root(Content).Capacity;
            return 2 * length >= capacity ? capacity : length;
        }
    }

    /// <summary>The sum of the payloads' lengths: <see cref="ByteCount"/> without the headers.</summary>
    public int PayloadByteCount => ByteCount - (Count * PacketHeader.Size);

    /// <summary>The time in the first packet's header, Unix seconds.</summary>
    public uint FirstTime => PacketHeader.ReadTime(Bytes);

    /// <summary>Returns an enumerator over the packets, for <c>foreach</c>.</summary>
    public Enumerator GetEnumerator() => new(Bytes);

    /// <summary>Returns the same packets in a batch with a reference of its own, for any thread and any time.</summary>
    /// <returns>A right-sized copy; or this batch, retained, if it fills at least half of the buffer that it pins.</returns>
    /// <remarks>The caller keeps the reference to this batch.</remarks>
    public PacketBatch Detach()
    {
        IByteBuffer content = Content;
        int length = content.ReadableBytes;
        if (2 * length >= Root(content).Capacity)
        {
            Retain();
            return this;
        }

        // Not pooled: the pool rounds up to powers of two, and the copy is freed by another thread.
        IByteBuffer copy = UnpooledByteBufferAllocator.Default.HeapBuffer(length, length);
        copy.WriteBytes(content, content.ReaderIndex, length);
        return new PacketBatch(copy, Count, FirstSequence);
    }

    /// <inheritdoc/>
    public override IByteBufferHolder Replace(IByteBuffer content) => new PacketBatch(content, Count, FirstSequence);

    private static IByteBuffer Root(IByteBuffer buffer)
    {
        while (buffer.Unwrap() is { } inner)
        {
            buffer = inner;
        }

        return buffer;
    }

    /// <summary>An enumerator over a run of whole packets.</summary>
    public ref struct Enumerator
    {
        private readonly ReadOnlySpan<byte> _run;
        private int _start;
        private int _length;

        internal Enumerator(ReadOnlySpan<byte> run) => _run = run;

        /// <summary>The current packet.</summary>
        public readonly Packet Current => new(_run.Slice(_start, _length));

        /// <summary>Moves to the next packet; returns false after the last one.</summary>
        public bool MoveNext()
        {
            _start += _length;
            if (_start >= _run.Length)
            {
                return false;
            }

            // A branch, so that the processor predicts that this packet is as long as the last one: see PacketRun.
            int length = PacketHeader.Size + PacketHeader.ReadPayloadLength(_run[_start..]);
            if (length != _length)
            {
                _length = length;
            }

            return true;
        }
    }
}
