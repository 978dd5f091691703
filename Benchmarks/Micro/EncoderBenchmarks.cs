using BenchmarkDotNet.Attributes;
using DotNetty.Buffers;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Benchmarks.Micro;

/// <summary>What writing a packet costs.</summary>
public class EncoderBenchmarks
{
    private EmbeddedChannel _channel = null!;
    private OutgoingPacket _packet = null!;
    private byte[] _destination = [];

    /// <summary>Bytes of the payload.</summary>
    [Params(0, 25, 1000)]
    public int Payload { get; set; }

    /// <summary>Makes the channel and the packet.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        _channel = new EmbeddedChannel(new PacketEncoder());
        _channel.Configuration.Allocator = PooledByteBufferAllocator.Default;
        _packet = new OutgoingPacket(time: 1, new byte[Payload]);
        _destination = new byte[PacketHeader.Size + Payload];
    }

    /// <summary>Ends the channel.</summary>
    [GlobalCleanup]
    public void Release() => _channel.FinishAndReleaseAll();

    /// <summary>Header and payload into memory that is there.</summary>
    [Benchmark]
    public int Write() => PacketEncoder.Write(_destination, 1, _packet.Payload.Span);

    /// <summary>Through a pipeline, into a buffer from the pool.</summary>
    [Benchmark]
    public void Encode()
    {
        _channel.WriteOutbound(_packet);
        _channel.ReadOutbound<IByteBuffer>().Release();
    }
}
