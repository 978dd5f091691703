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
public class PacketBatch : DefaultByteBufferHolder
{
    private readonly int _packetLength; // of each packet; 0 if they differ

    private PacketBatch(IByteBuffer content, PacketRun run, long firstSequence)
        : base(content)
    {
        Count = run.Count;
        _packetLength = run.PacketLength;
        FirstSequence = firstSequence;
    }

    /// <summary>The number of packets, at least 1.</summary>
    public int Count { get; }

    /// <summary>The first packet's number on its connection, counted from 0.</summary>
    public long FirstSequence { get; }

    /// <summary>The layout of the packets' headers.</summary>
    public virtual HeaderLayout Layout => HeaderLayout.Default;

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

    /// <summary>The sum of the headers' lengths.</summary>
    public virtual int HeaderByteCount => Count * HeaderLayout.Default.MaxHeaderLength;

    /// <summary>The sum of the payloads' lengths.</summary>
    public int PayloadByteCount => ByteCount - HeaderByteCount;

    /// <summary>The time in the first packet's header, Unix seconds; null if it has none.</summary>
    public uint? FirstTime
    {
        get
        {
            ReadOnlySpan<byte> bytes = Bytes;
            return Layout.Read(bytes, out _).ReadTime(bytes);
        }
    }

    /// <summary>Returns a batch of the packets in <paramref name="content"/>, and takes over one reference to it.</summary>
    /// <param name="content">A buffer with an array (<c>HasArray</c>), whose readable bytes are whole packets side by side.</param>
    /// <param name="layout">The layout of their headers; by default the default layout.</param>
    /// <param name="firstSequence">The number of packets before these on their connection.</param>
    /// <exception cref="ArgumentException">The bytes are not whole packets, or none.</exception>
    public static PacketBatch Of(IByteBuffer content, HeaderLayout? layout = null, long firstSequence = 0)
    {
        ArgumentNullException.ThrowIfNull(content);
        layout ??= HeaderLayout.Default;
        ReadOnlySpan<byte> bytes = content.Array.AsSpan(content.ArrayOffset + content.ReaderIndex, content.ReadableBytes);
        PacketRun run = PacketRun.Measure(bytes, layout, layout.MaxPayloadLength);
        return run.Count > 0 && run.ByteCount == bytes.Length
            ? Of(content, layout, run, firstSequence)
            : throw new ArgumentException($"The {bytes.Length} bytes are not whole packets of the layout '{layout}'.", nameof(content));
    }

    /// <summary>Returns an enumerator over the packets, for <c>foreach</c>.</summary>
    public Enumerator GetEnumerator() => new(Bytes, Layout, _packetLength);

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
        return Of(copy, Layout, Run, FirstSequence);
    }

    /// <inheritdoc/>
    public override IByteBufferHolder Replace(IByteBuffer content) => Of(content, Layout, Run, FirstSequence);

    internal static PacketBatch Of(IByteBuffer content, HeaderLayout layout, PacketRun run, long firstSequence) =>
        layout == HeaderLayout.Default
            ? new PacketBatch(content, run, firstSequence)
            : new OfLayout(content, layout, run, firstSequence);

    private PacketRun Run => new(Count, ByteCount, HeaderByteCount, _packetLength);

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
        private readonly HeaderLayout _layout;
        private readonly bool _isUniform;
        private HeaderAlternative _alternative;
        private int _start;
        private int _length;

        internal Enumerator(ReadOnlySpan<byte> run, HeaderLayout layout, int packetLength)
        {
            _run = run;
            _layout = layout;
            _isUniform = packetLength != 0;
            _alternative = layout.Read(run, out int length);
            _start = -length;
            _length = length;
        }

        /// <summary>The current packet.</summary>
        public readonly Packet Current => new(_run.Slice(_start, _length), _alternative);

        /// <summary>Moves to the next packet; returns false after the last one.</summary>
        public bool MoveNext()
        {
            _start += _length;
            if (_start >= _run.Length)
            {
                return false;
            }

            if (!_isUniform)
            {
                _alternative = _layout.Read(_run[_start..], out int length);
                _length = length;
            }

            return true;
        }
    }

    /// <summary>A batch of another layout than the default one, whose batches are 16 bytes smaller.</summary>
    private sealed class OfLayout : PacketBatch
    {
        public OfLayout(IByteBuffer content, HeaderLayout layout, PacketRun run, long firstSequence)
            : base(content, run, firstSequence)
        {
            Layout = layout;
            HeaderByteCount = run.HeaderByteCount;
        }

        public override HeaderLayout Layout { get; }

        public override int HeaderByteCount { get; }
    }
}
