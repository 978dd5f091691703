using DotNetty.Buffers;
using DotNetty.Common;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

/// <summary>Allocations of the decoder: none per packet, a few bytes per read.</summary>
/// <remarks>The leak detector is off: it allocates a stack trace for each buffer that it tracks.</remarks>
[TestFixture]
[NonParallelizable]
[CancelAfter(30_000)]
public class AllocationTests
{
    private const int ReadSize = 65_536;

    [SetUp]
    public void Stop_leak_detection() => ResourceLeakDetector.Level = ResourceLeakDetector.DetectionLevel.Disabled;

    [TearDown]
    public void Resume_leak_detection() => ResourceLeakDetector.Level = LeakDetection.RunLevel;

    [Test]
    public void Read_with_a_tail_allocates_at_most_200_bytes([Values(0, 25, 1000, 20_000)] int payload)
    {
        // The length does not divide the read: almost all reads start and end inside a packet.
        byte[] packet = Wire.Packet(payload);
        byte[] stream = [.. Enumerable.Repeat(packet, (ReadSize / packet.Length) + 2).SelectMany(bytes => bytes)];
        var visitor = new Visitor();
        var channel = new EmbeddedChannel(new PacketDecoder(), visitor);
        channel.Configuration.AutoRead = false; // otherwise the channel's own read request adds 32 bytes
        channel.Configuration.Allocator = PooledByteBufferAllocator.Default;
        IByteBuffer receiveBuffer = PooledByteBufferAllocator.Default.HeapBuffer(ReadSize);
        long position = 0;

        Read(1_000);
        int packetsBefore = visitor.Packets;
        long before = GC.GetAllocatedBytesForCurrentThread();
        Read(1_000);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        // A tail above 1 KiB has two arrays of its own: one for the first part, one for the whole packet.
        long tails = packet.Length > 1024 ? 2 * packet.Length : 0;
        Assert.That(allocated / 1_000.0, Is.LessThanOrEqualTo(200 + tails));
        Assert.That(visitor.Packets - packetsBefore, Is.EqualTo(1_000L * ReadSize / packet.Length).Within(1));
        receiveBuffer.Release();
        channel.FinishAndReleaseAll();

        void Read(int times)
        {
            for (int i = 0; i < times; i++)
            {
                receiveBuffer.Clear().WriteBytes(stream, (int)(position % packet.Length), ReadSize);
                position += ReadSize;
                channel.Pipeline.FireChannelRead(receiveBuffer.RetainedDuplicate());
                channel.Pipeline.FireChannelReadComplete();
            }
        }
    }

    [Test]
    public void Read_of_whole_packets_allocates_64_bytes_and_is_the_content()
    {
        var visitor = new Visitor();
        var channel = new EmbeddedChannel(new PacketDecoder(), visitor);
        IByteBuffer read = Unpooled.WrappedBuffer(Wire.Packets(25, 25));

        for (int i = 0; i < 1_000; i++)
        {
            channel.Pipeline.FireChannelRead(read.Retain());
            read.SetReaderIndex(0);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        channel.Pipeline.FireChannelRead(read.Retain());
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThanOrEqualTo(64));
        Assert.That(visitor.LastContent, Is.SameAs(read));
        Assert.That(visitor.Packets, Is.EqualTo(2 * 1_001));
        Assert.That(read.ReferenceCount, Is.EqualTo(1));
        read.Release();
        channel.FinishAndReleaseAll();
    }

    private sealed class Visitor : ChannelHandlerAdapter
    {
        public int Packets { get; private set; }

        public IByteBuffer? LastContent { get; private set; }

        public override void ChannelRead(IChannelHandlerContext context, object message)
        {
            var batch = (PacketBatch)message;
            foreach (Packet packet in batch)
            {
                Packets += packet.Bytes.IsEmpty ? 0 : 1;
            }

            LastContent = batch.Content;
            batch.Release();
        }
    }
}
