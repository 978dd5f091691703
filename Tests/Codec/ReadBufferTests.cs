using DotNetty.Buffers;

namespace DotNettyFraming.Tests.Codec;

/// <summary>The decoder accepts all kinds of buffers, and releases them.</summary>
/// <remarks>In DotNetty 0.7.6 only a composite of several pieces has no array.</remarks>
[TestFixture]
[CancelAfter(30_000)]
public class ReadBufferTests
{
    private const int FirstThree = 10 + 7 + 207;

    private static readonly byte[] Stream = [.. Wire.Packets(3, 0, 200, 1, 5), .. Wire.Packet(3000)[..100]];

    /// <summary>The kinds of buffers that a transport or a handler can pass on.</summary>
    public enum Kind
    {
        WrappedArray,
        UnpooledHeap,
        UnpooledDirect,
        PooledHeap,
        PooledDirect,
        SliceAmidOtherBytes,
        RetainedSliceOfPooled,
        DuplicateOfPooled,
        RetainedDuplicateOfPooled,
        CompositeOfNone,
        CompositeOfOne,
        CompositeOfSeveral,
        CompositeCutInsideHeaders,
        SliceOfComposite,
    }

    [Test]
    public void Buffer_of_any_kind_gives_the_same_packets_and_is_released([Values] Kind kind, [Values(0, 1, 9, 12)] int tailBefore)
    {
        ReferenceDecoder expected = new ReferenceDecoder().Feed(Stream);
        using var decoder = new DecoderHarness();
        decoder.Read(Stream[..tailBefore]);
        byte[] content = kind == Kind.CompositeOfNone ? [] : Stream[tailBefore..];
        IByteBuffer read = Make(kind, content);

        decoder.Read(read);
        Assert.That(read.ReferenceCount, Is.Zero, "the read is released, though a tail is kept");
        if (kind == Kind.CompositeOfNone)
        {
            decoder.Read(Stream[tailBefore..]);
        }

        Assert.That(decoder.Packets, Is.EqualTo(expected.Packets));
        Assert.That(decoder.Counters.BytesUnfinished, Is.EqualTo(expected.Unfinished));
    }

    [Test]
    public void Composite_of_single_bytes_gives_the_same_packets()
    {
        CompositeByteBuffer read = PooledByteBufferAllocator.Default.CompositeHeapBuffer(Stream.Length);
        foreach (byte b in Stream)
        {
            read.AddComponent(true, Unpooled.WrappedBuffer([b]));
        }

        using var decoder = new DecoderHarness();
        decoder.Read(read);

        Assert.That(decoder.Packets, Has.Count.EqualTo(5));
        Assert.That(decoder.LastBatches, Is.EqualTo([5]));
    }

    [Test]
    public void Read_buffer_behind_a_view_is_free_again_when_the_batch_is_released()
    {
        IByteBuffer receiveBuffer = PooledByteBufferAllocator.Default.HeapBuffer(4096);
        using var decoder = new DecoderHarness();

        // As the epoll transport: one buffer for all reads of the loop, passed on as a view.
        for (int i = 0; i < 5; i++)
        {
            receiveBuffer.Clear().WriteBytes(Stream, 0, FirstThree);
            decoder.Give(receiveBuffer.RetainedDuplicate());
            Assert.That(receiveBuffer.ReferenceCount, Is.EqualTo(2), "the batch holds it");

            decoder.TakeBatch().Release();

            Assert.That(receiveBuffer.ReferenceCount, Is.EqualTo(1), "only its owner holds it");
            Assert.That(decoder.Counters.BytesUnfinished, Is.Zero);
        }

        receiveBuffer.Clear().WriteBytes(Stream, 0, FirstThree + 6);
        decoder.Give(receiveBuffer.RetainedDuplicate());
        decoder.TakeBatch().Release();
        Assert.That(decoder.Counters.BytesUnfinished, Is.EqualTo(6), "a tail is kept");
        Assert.That(receiveBuffer.ReferenceCount, Is.EqualTo(1), "but not in the receive buffer");

        receiveBuffer.Clear().WriteZero(4096);
        receiveBuffer.Release();
    }

    [Test]
    public void Tail_is_not_changed_when_the_read_buffer_is_used_again()
    {
        IByteBuffer receiveBuffer = PooledByteBufferAllocator.Default.HeapBuffer(64);
        byte[] packet = Wire.Packet(20);
        using var decoder = new DecoderHarness();

        foreach (byte[] piece in Wire.Cut(packet, 2, 10, 11))
        {
            receiveBuffer.Clear().WriteBytes(piece);
            decoder.Read(receiveBuffer.RetainedDuplicate());
            receiveBuffer.Clear().WriteBytes(new byte[64]);
        }

        Assert.That(decoder.Packets, Is.EqualTo(new ReferenceDecoder().Feed(packet).Packets));
        receiveBuffer.Release();
    }

    private static IByteBuffer Make(Kind kind, byte[] bytes) => kind switch
    {
        Kind.WrappedArray => Unpooled.WrappedBuffer(bytes),
        Kind.UnpooledHeap => UnpooledByteBufferAllocator.Default.HeapBuffer().WriteBytes(bytes),
        Kind.UnpooledDirect => UnpooledByteBufferAllocator.Default.DirectBuffer().WriteBytes(bytes),
        Kind.PooledHeap => PooledByteBufferAllocator.Default.HeapBuffer().WriteBytes(bytes),
        Kind.PooledDirect => PooledByteBufferAllocator.Default.DirectBuffer().WriteBytes(bytes),
        Kind.SliceAmidOtherBytes => Amid(bytes).Slice(5, bytes.Length),
        Kind.RetainedSliceOfPooled => WithoutOwner(Amid(bytes), b => b.RetainedSlice(5, bytes.Length)),
        Kind.DuplicateOfPooled => Amid(bytes).SetIndex(5, 5 + bytes.Length).Duplicate(),
        Kind.RetainedDuplicateOfPooled => WithoutOwner(Amid(bytes).SetIndex(5, 5 + bytes.Length), b => b.RetainedDuplicate()),
        Kind.CompositeOfNone => PooledByteBufferAllocator.Default.CompositeHeapBuffer(),
        Kind.CompositeOfOne => Composite(bytes),
        Kind.CompositeOfSeveral => Composite(bytes, 30, 31, 150),
        Kind.CompositeCutInsideHeaders => Composite(bytes, 1, 3, 12, 13, 14, 19, 20),
        Kind.SliceOfComposite => Composite([.. "XXXXX"u8, .. bytes, .. "XXXXX"u8], 3, 7, 30).Slice(5, bytes.Length),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private static IByteBuffer Amid(byte[] bytes) =>
        PooledByteBufferAllocator.Default.HeapBuffer().WriteBytes("XXXXX"u8.ToArray()).WriteBytes(bytes).WriteBytes("XXXXX"u8.ToArray());

    private static IByteBuffer WithoutOwner(IByteBuffer owner, Func<IByteBuffer, IByteBuffer> view)
    {
        IByteBuffer made = view(owner);
        owner.Release();
        return made;
    }

    private static CompositeByteBuffer Composite(byte[] bytes, params int[] cuts)
    {
        CompositeByteBuffer composite = PooledByteBufferAllocator.Default.CompositeHeapBuffer(20);
        foreach (byte[] piece in Wire.Cut(bytes, cuts))
        {
            composite.AddComponent(true, PooledByteBufferAllocator.Default.HeapBuffer().WriteBytes(piece));
        }

        return composite;
    }
}
