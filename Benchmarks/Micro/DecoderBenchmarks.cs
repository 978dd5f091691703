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

    /// <summary>Bytes of each packet's payload.</summary>
    [Params(0, 25, 1000)]
    public int Payload { get; set; }

    /// <summary>Packets in one read.</summary>
    [Params(1, 16, 64)]
    public int PacketsARead { get; set; }

    /// <summary>Makes the channel and the read.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        _channel = new EmbeddedChannel(new PacketDecoder(), _visitor);
        _channel.Configuration.AutoRead = false; // else the channel's own read request would be part of the figure
        _channel.Configuration.Allocator = PooledByteBufferAllocator.Default;
        byte[] packets = new byte[PacketsARead * (PacketHeader.Size + Payload)];
        for (int offset = 0; offset < packets.Length;)
        {
            offset += PacketEncoder.Write(packets.AsSpan(offset), time: 1, new byte[Payload]);
        }

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
        int cut = _read.ReadableBytes - ((PacketHeader.Size + Payload) / 2);
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
