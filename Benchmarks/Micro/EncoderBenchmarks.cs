using BenchmarkDotNet.Attributes;
using DotNetty.Buffers;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Benchmarks.Micro;

/// <summary>The cost of writing a packet.</summary>
public class EncoderBenchmarks
{
    private EmbeddedChannel _channel = null!;
    private OutgoingPacket _packet = null!;
    private byte[] _destination = [];

    /// <summary>The payload's size.</summary>
    [Params(0, 25, 1000)]
    public int Payload { get; set; }

    /// <summary>Creates the channel and the packet.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        _channel = new EmbeddedChannel(new PacketEncoder());
        _channel.Configuration.Allocator = PooledByteBufferAllocator.Default;
        _packet = new OutgoingPacket(time: 1, new byte[Payload]);
        _destination = new byte[HeaderLayout.Default.MaxHeaderLength + Payload];
    }

    /// <summary>Closes the channel.</summary>
    [GlobalCleanup]
    public void Release() => _channel.FinishAndReleaseAll();

    /// <summary>Writes header and payload into existing memory.</summary>
    [Benchmark]
    public int Write() => HeaderLayout.Default.WritePacket(_destination, 1, _packet.Payload.Span);

    /// <summary>Writes through a pipeline into a pooled buffer.</summary>
    [Benchmark]
    public void Encode()
    {
        _channel.WriteOutbound(_packet);
        _channel.ReadOutbound<IByteBuffer>().Release();
    }
}
