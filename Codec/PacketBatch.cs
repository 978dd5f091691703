using DotNetty.Buffers;

namespace DotNettyFraming.Codec;

/// <summary>
/// A run of whole packets that lie side by side in one buffer: what <see cref="PacketDecoder"/> hands on, at most two for
/// each read from the socket, so that the pipeline's cost is paid once a read and not once a packet.
/// </summary>
/// <remarks>
/// <para><c>foreach (Packet packet in batch)</c> visits the packets in order, without allocating or copying;
/// <see cref="Bytes"/> is the same run verbatim, as a sink would write it.</para>
/// <para><b>Who owns a batch.</b></para>
/// <list type="number">
/// <item><c>ChannelRead</c> gives one reference: pass the batch on exactly once, or release it exactly once in a
/// <c>finally</c>. DotNetty does not release when a handler throws.</item>
/// <item>A batch is borrowed until <c>ChannelRead</c> returns. To keep it longer on the same thread: <c>Retain</c>.
/// To take it to another thread: <see cref="Detach"/>; otherwise a queued batch of 32 bytes pins a read buffer of 64 KiB.</item>
/// <item>No <c>Slice</c>, <c>Span</c> or <see cref="Packet"/> outlives the reference.</item>
/// <item>The event loop that reads looks at its buffer's count afterwards: 1 means that the buffer can be used again; more,
/// that somebody kept it; less, that somebody released it twice, which it reports as an error.</item>
/// <item>With leak detection at Paranoid each read gets a private buffer, and a batch that is dropped without a release is
/// reported as a leak.</item>
/// </list>
/// <para>Use after the last release throws <c>IllegalReferenceCountException</c>, but do not rely on it: the count is the
/// buffer's own, and a slice of a pooled buffer is itself pooled, so once the next read has taken that slice again, a stale
/// batch shows the next read's bytes, and a second release takes its reference. Threads: one at a time; hand over by
/// <see cref="Detach"/>.</para>
/// </remarks>
public sealed class PacketBatch : DefaultByteBufferHolder
{
    /// <summary>Takes over one reference to <paramref name="content"/>, whose readable bytes are whole packets side by side.</summary>
    /// <param name="content">A buffer with an array of its own or a slice of one (<c>HasArray</c>).</param>
    /// <param name="count">The number of packets in it, at least 1.</param>
    /// <param name="firstSequence">How many packets came before these on their connection.</param>
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

    /// <summary>The packets' bytes, headers included, just as they came.</summary>
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

    /// <summary>Bytes that <see cref="Detach"/> keeps allocated: those of the copy, or of the whole buffer where it makes none.</summary>
    public int DetachedBytes
    {
        get
        {
            int length = ByteCount;
            int capacity = Root(Content).Capacity;
            return 2 * length >= capacity ? capacity : length;
        }
    }

    /// <summary>The length of all the payloads together: <see cref="ByteCount"/> less the headers.</summary>
    public int PayloadByteCount => ByteCount - (Count * PacketHeader.Size);

    /// <summary>The first packet's time, Unix seconds, as its header has it.</summary>
    public uint FirstTime => PacketHeader.ReadTime(Bytes);

    /// <summary>Visits the packets in order; for <c>foreach</c>.</summary>
    public Enumerator GetEnumerator() => new(Bytes);

    /// <summary>
    /// The same packets in a batch that may go to another thread and live as long as it likes, with one reference of its own.
    /// The reference to this batch stays the caller's.
    /// </summary>
    /// <returns>A right-sized copy; or this batch, retained, where it fills at least half of the buffer that it would pin.</returns>
    public PacketBatch Detach()
    {
        IByteBuffer content = Content;
        int length = content.ReadableBytes;
        if (2 * length >= Root(content).Capacity)
        {
            Retain();
            return this;
        }

        // Not from the pool: it rounds up to powers of two, and the copy is freed by a thread that is not the pool's.
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

    /// <summary>Walks over a run of whole packets.</summary>
    public ref struct Enumerator
    {
        private readonly ReadOnlySpan<byte> _run;
        private int _start;
        private int _length;

        internal Enumerator(ReadOnlySpan<byte> run) => _run = run;

        /// <summary>The packet stepped onto.</summary>
        public readonly Packet Current => new(_run.Slice(_start, _length));

        /// <summary>Steps onto the next packet.</summary>
        /// <returns>False behind the last one.</returns>
        public bool MoveNext()
        {
            _start += _length;
            if (_start >= _run.Length)
            {
                return false;
            }

            // A branch, and not an assignment, so that the processor guesses that this packet is as long as the last: see PacketRun.
            int length = PacketHeader.Size + PacketHeader.ReadPayloadLength(_run[_start..]);
            if (length != _length)
            {
                _length = length;
            }

            return true;
        }
    }
}
