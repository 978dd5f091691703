using BenchmarkDotNet.Attributes;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Benchmarks.Micro;

/// <summary>The cost of decoding a read, with a handler that visits each packet.</summary>
/// <remarks>
/// As from the event loop, a read is a view of a reused buffer. <see cref="DecodeSplit"/> adds the cost of an unfinished packet.
/// </remarks>
public class DecoderBenchmarks
{
    private readonly Visitor _visitor = new();
    private EmbeddedChannel _channel = null!;
    private IByteBuffer _read = null!;

    /// <summary>Reads of one packet and of many, up to the receive buffer's 64 KiB.</summary>
    public static IEnumerable<ReadShape> Reads { get; } =
    [
        new(1, 0), new(1, 25), new(1, 1000), new(16, 25), new(16, 1000), new(64, 25), new(64, 1000), new(1000, 25), new(9000, 0),
    ];

    /// <summary>The content of each read: packets x payload bytes.</summary>
    [ParamsSource(nameof(Reads))]
    public ReadShape Read { get; set; }

    /// <summary>Creates the channel and the read.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        _channel = new EmbeddedChannel(new PacketDecoder(), _visitor);
        _channel.Configuration.AutoRead = false; // otherwise the figure includes the channel's read request
        _channel.Configuration.Allocator = PooledByteBufferAllocator.Default;
        byte[] packets = Read.Bytes();
        _read = PooledByteBufferAllocator.Default.HeapBuffer(packets.Length).WriteBytes(packets);
    }

    /// <summary>Releases the buffer.</summary>
    [GlobalCleanup]
    public void Release()
    {
        _read.Release();
        _channel.FinishAndReleaseAll();
    }

    /// <summary>Decodes one read of whole packets.</summary>
    [Benchmark]
    public int Decode()
    {
        _channel.Pipeline.FireChannelRead(_read.RetainedDuplicate());
        return _visitor.Packets;
    }

    /// <summary>Decodes the same bytes in two reads, split inside the last packet.</summary>
    [Benchmark]
    public int DecodeSplit()
    {
        int cut = _read.ReadableBytes - ((HeaderLayout.Default.MaxHeaderLength + Read.PayloadBytes) / 2);
        _channel.Pipeline.FireChannelRead(_read.RetainedSlice(0, cut));
        _channel.Pipeline.FireChannelRead(_read.RetainedSlice(cut, _read.ReadableBytes - cut));
        return _visitor.Packets;
    }

    private sealed class Visitor : ChannelHandlerAdapter
    {
        public int Packets { get; private set; }

        public override void ChannelRead(IChannelHandlerContext context, object message)
        {
            var batch = (PacketBatch)message;
            foreach (Packet packet in batch)
            {
                Packets += packet.Bytes.IsEmpty ? 0 : 1;
            }

            batch.Release();
        }
    }
}
