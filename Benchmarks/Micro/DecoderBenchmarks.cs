using BenchmarkDotNet.Attributes;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Benchmarks.Micro;

/// <summary>What cutting a read into packets costs, with a handler that visits each of them.</summary>
/// <remarks>
/// The read comes as the event loop hands it down: a view of a buffer that is used again. Whole packets only; what an unfinished one
/// costs, <see cref="DecodeSplit"/> tells.
/// </remarks>
public class DecoderBenchmarks
{
    private readonly Visitor _visitor = new();
    private EmbeddedChannel _channel = null!;
    private IByteBuffer _read = null!;

    /// <summary>Reads of one packet and of many, up to what a receive buffer of 64 KiB holds.</summary>
    public static IEnumerable<ReadShape> Reads { get; } =
    [
        new(1, 0), new(1, 25), new(1, 1000), new(16, 25), new(16, 1000), new(64, 25), new(64, 1000), new(1000, 25), new(9000, 0),
    ];

    /// <summary>What each read brings: packets x payload bytes.</summary>
    [ParamsSource(nameof(Reads))]
    public ReadShape Read { get; set; }

    /// <summary>Makes the channel and the read.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        _channel = new EmbeddedChannel(new PacketDecoder(), _visitor);
        _channel.Configuration.AutoRead = false; // else the channel's own read request would be part of the figure
        _channel.Configuration.Allocator = PooledByteBufferAllocator.Default;
        byte[] packets = Read.Bytes();
        _read = PooledByteBufferAllocator.Default.HeapBuffer(packets.Length).WriteBytes(packets);
    }

    /// <summary>Gives the buffer back.</summary>
    [GlobalCleanup]
    public void Release()
    {
        _read.Release();
        _channel.FinishAndReleaseAll();
    }

    /// <summary>One read of whole packets.</summary>
    [Benchmark]
    public int Decode()
    {
        _channel.Pipeline.FireChannelRead(_read.RetainedDuplicate());
        return _visitor.Packets;
    }

    /// <summary>The same bytes in two reads, cut inside the last packet.</summary>
    [Benchmark]
    public int DecodeSplit()
    {
        int cut = _read.ReadableBytes - ((PacketHeader.Size + Read.PayloadBytes) / 2);
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
