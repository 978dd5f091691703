using DotNetty.Buffers;
using DotNetty.Common.Utilities;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

[TestFixture]
[CancelAfter(30_000)]
public class PacketBatchTests
{
    private static readonly byte[] Run = Wire.Packets(3, 0, 5);

    [Test]
    public void Enumeration_visits_every_packet_in_order()
    {
        PacketBatch batch = Batch();
        List<(uint? Time, string Header, string Payload)> visited = [];

        foreach (Packet packet in batch)
        {
            visited.Add((packet.Time, Convert.ToHexString(packet.Header), Convert.ToHexString(packet.Payload)));
        }

        Assert.That(visited, Is.EqualTo(new (uint?, string, string)[]
        {
            (1, "26030001000000", Convert.ToHexString(Run[7..10])),
            (2, "26000002000000", string.Empty),
            (3, "26050003000000", Convert.ToHexString(Run[24..29])),
        }));
        batch.Release();
    }

    [Test]
    public void Enumeration_can_be_repeated()
    {
        PacketBatch batch = Batch();

        Assert.That((CountByVisiting(batch), CountByVisiting(batch)), Is.EqualTo((3, 3)));
        batch.Release();
    }

    [Test]
    public void Bytes_are_the_packets_as_received()
    {
        using var decoder = new DecoderHarness();
        decoder.Give(Unpooled.WrappedBuffer([.. Run, 0x26]));

        PacketBatch batch = decoder.TakeBatch();

        Assert.That(batch.Bytes.ToArray(), Is.EqualTo(Run));
        Assert.That((batch.Count, batch.ByteCount, batch.PayloadByteCount), Is.EqualTo((3, 29, 8)));
        batch.Release();
    }

    [Test]
    public void Bytes_start_at_the_contents_reader_index()
    {
        var batch = PacketBatch.Of(Unpooled.WrappedBuffer([0xAA, 0xAA, .. Run]).SkipBytes(2));

        Assert.That(batch.Bytes.ToArray(), Is.EqualTo(Run));
        Assert.That((batch.ByteCount, batch.PayloadByteCount, CountByVisiting(batch)), Is.EqualTo((29, 8, 3)));
        batch.Release();
    }

    [Test]
    public void First_sequence_counts_the_packets_of_all_reads_before()
    {
        byte[] packet = Wire.Packet(2);
        using var decoder = new DecoderHarness();
        List<long> sequences = [];

        foreach (byte[] read in new[] { [.. Run, .. packet[..4]], [.. packet[4..], .. Run, .. Run], Run })
        {
            decoder.Give(Unpooled.WrappedBuffer(read));
            while (decoder.HasMessage)
            {
                PacketBatch batch = decoder.TakeBatch();
                sequences.Add(batch.FirstSequence);
                batch.Release();
            }
        }

        Assert.That(sequences, Is.EqualTo([0, 3, 4, 10]));
    }

    [Test]
    public void Detached_small_batch_is_a_copy_of_its_own_size_and_pins_no_read_buffer()
    {
        IByteBuffer read = PooledByteBufferAllocator.Default.HeapBuffer(65_536).WriteBytes(Run);
        var batch = PacketBatch.Of(read.RetainedSlice(0, Run.Length), firstSequence: 77);

        PacketBatch detached = batch.Detach();

        Assert.That(detached, Is.Not.SameAs(batch));
        Assert.That(detached.Content.Capacity, Is.EqualTo(Run.Length));
        Assert.That((detached.Count, detached.FirstSequence), Is.EqualTo((3, 77)));
        batch.Release();
        Assert.That(read.ReferenceCount, Is.EqualTo(1));
        read.Clear().WriteZero(1000).Release();
        Assert.That(detached.Bytes.ToArray(), Is.EqualTo(Run));
        Assert.That(detached.Release(), Is.True);
    }

    [Test]
    public void Detached_large_batch_is_the_same_one_with_one_more_reference()
    {
        IByteBuffer read = PooledByteBufferAllocator.Default.HeapBuffer(2 * Run.Length).WriteBytes(Run);
        var batch = PacketBatch.Of(read);

        PacketBatch detached = batch.Detach();

        Assert.That(detached, Is.SameAs(batch));
        Assert.That(batch.Release(), Is.False);
        Assert.That(detached.Bytes.ToArray(), Is.EqualTo(Run));
        Assert.That(detached.Release(), Is.True);
    }

    [Test]
    public void Detach_compares_with_the_buffer_below_all_views([Values(58, 59)] int capacity)
    {
        IByteBuffer read = PooledByteBufferAllocator.Default.HeapBuffer(capacity).WriteBytes(Run);
        IByteBuffer view = read.RetainedDuplicate();
        var batch = PacketBatch.Of(view.RetainedSlice(0, Run.Length));
        view.Release();
        read.Release();

        PacketBatch detached = batch.Detach();

        Assert.That(ReferenceEquals(detached, batch), Is.EqualTo(capacity == 58), "29 bytes are half of 58");
        batch.Release();
        detached.Release();
    }

    [Test]
    public async Task Detached_batch_is_read_and_released_by_another_thread([Values(64, 65_536)] int capacity)
    {
        IByteBuffer read = PooledByteBufferAllocator.Default.HeapBuffer(capacity).WriteBytes(Run);
        var batch = PacketBatch.Of(read.RetainedSlice(0, Run.Length));
        read.Release();

        PacketBatch detached = batch.Detach();
        batch.Release();
        (byte[] Bytes, bool Last) seen = await Task.Run(() => (detached.Bytes.ToArray(), detached.Release()));

        Assert.That(seen.Bytes, Is.EqualTo(Run));
        Assert.That(seen.Last, Is.True);
        Assert.That(read.ReferenceCount, Is.Zero);
    }

    [Test]
    public void Use_after_the_last_release_throws()
    {
        PacketBatch batch = Batch();
        batch.Release();

        Assert.That(() => batch.Bytes.Length, Throws.InstanceOf<IllegalReferenceCountException>());
        Assert.That(() => CountByVisiting(batch), Throws.InstanceOf<IllegalReferenceCountException>());
        Assert.That(batch.Detach, Throws.InstanceOf<IllegalReferenceCountException>());
        Assert.That(() => batch.Content, Throws.InstanceOf<IllegalReferenceCountException>());
        Assert.That(batch.Copy, Throws.InstanceOf<IllegalReferenceCountException>());
    }

    [Test]
    public void Second_release_throws([Values] bool pooled)
    {
        PacketBatch batch = Batch(pooled);
        batch.Release();

        Assert.That(() => batch.Release(), Throws.InstanceOf<IllegalReferenceCountException>());
        Assert.That(() => batch.Retain(), Throws.InstanceOf<IllegalReferenceCountException>());
    }

    [Test]
    public void Copy_duplicate_and_replacement_are_batches_of_the_same_packets()
    {
        PacketBatch batch = Batch();

        IByteBufferHolder[] others =
            [batch.Copy(), batch.Duplicate(), batch.RetainedDuplicate(), batch.Replace(Unpooled.WrappedBuffer([.. Run]))];

        foreach (IByteBufferHolder other in others)
        {
            Assert.That(other, Is.InstanceOf<PacketBatch>());
            Assert.That(((PacketBatch)other).Bytes.ToArray(), Is.EqualTo(Run));
            Assert.That((((PacketBatch)other).Count, ((PacketBatch)other).FirstSequence), Is.EqualTo((3, 40)));
        }

        others[0].Release();
        others[2].Release();
        others[3].Release();
        Assert.That(batch.Release(), Is.True, "a duplicate has no reference of its own");
    }

    private static PacketBatch Batch(bool pooled = true) =>
        PacketBatch.Of((pooled ? PooledByteBufferAllocator.Default.HeapBuffer() : Unpooled.Buffer()).WriteBytes(Run), firstSequence: 40);

    private static int CountByVisiting(PacketBatch batch)
    {
        int count = 0;
        foreach (Packet packet in batch)
        {
            count += packet.Bytes.IsEmpty ? 0 : 1;
        }

        return count;
    }
}
