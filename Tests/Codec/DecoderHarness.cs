using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Embedded;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

/// <summary>A decoder in an <see cref="EmbeddedChannel"/>, with the messages that it passed on.</summary>
/// <remarks>After every read it checks the batches, the counters, and that no message follows a fault.</remarks>
internal sealed class DecoderHarness : IDisposable
{
    private readonly EmbeddedChannel _channel;
    private long _given;
    private long _packetBytes;
    private bool _closed;

    public DecoderHarness(
        int maxPayload = 65535, IByteBufferAllocator? allocator = null, IChannelHandler? before = null, HeaderLayout? layout = null)
    {
        Decoder = new PacketDecoder(layout, Math.Min(maxPayload, (layout ?? HeaderLayout.Default).MaxPayloadLength), Counters);
        _channel = before is null ? new EmbeddedChannel(Decoder) : new EmbeddedChannel(before, Decoder);
        if (allocator is not null)
        {
            _channel.Configuration.Allocator = allocator;
        }
    }

    public PacketDecoder Decoder { get; }

    public DecoderCounters Counters { get; } = new();

    public IChannel Channel => _channel;

    public List<ReceivedPacket> Packets { get; } = [];

    /// <summary>The length of each packet, header included.</summary>
    public List<int> Lengths { get; } = [];

    public List<FramingFault> Faults { get; } = [];

    /// <summary>The number of packets in each batch of the last read.</summary>
    public List<int> LastBatches { get; } = [];

    public DecoderHarness Read(params IEnumerable<byte[]> reads)
    {
        foreach (byte[] read in reads)
        {
            Read(Unpooled.WrappedBuffer(read));
        }

        return this;
    }

    public DecoderHarness Read(IByteBuffer read)
    {
        Give(read);
        Drain();
        return this;
    }

    /// <summary>Gives a read to the decoder and leaves its messages in the channel.</summary>
    public void Give(IByteBuffer read)
    {
        _given += read.ReadableBytes;
        _channel.WriteInbound(read);
    }

    public bool HasMessage => _channel.InboundMessages.Count > 0;

    /// <summary>Returns the next batch that <see cref="Give"/> left; the caller releases it.</summary>
    public PacketBatch TakeBatch()
    {
        var batch = _channel.ReadInbound<PacketBatch>();
        _packetBytes += batch.ByteCount;
        return batch;
    }

    /// <summary>Closes the channel and removes its handlers.</summary>
    public DecoderHarness Close()
    {
        _closed = true;
        _channel.CloseAsync().GetAwaiter().GetResult();
        Drain();
        Require(Counters.BytesUnfinished == 0, "a closed connection holds nothing");
        return this;
    }

    public void Dispose()
    {
        if (!_closed)
        {
            Close();
        }

        _channel.FinishAndReleaseAll();
    }

    // Called millions of times: Assert.That costs more than the decoder.
    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            Assert.Fail($"not true: {what}");
        }
    }

    private void Drain()
    {
        LastBatches.Clear();
        while (_channel.InboundMessages.TryDequeue(out object? message))
        {
            Require(Faults.Count == 0, "a fault is the last message");
            if (message is PacketBatch batch)
            {
                Keep(batch);
            }
            else
            {
                Faults.Add((FramingFault)message);
            }
        }

        Require(LastBatches.Count <= 2, "at most two batches per read");
        CheckCounters();
    }

    private void Keep(PacketBatch batch)
    {
        Require(batch.Count > 0, "a batch has a packet");
        Require(batch.FirstSequence == Packets.Count, "sequence numbers have no gap");
        Require(batch.Bytes.Length == batch.ByteCount, "ByteCount is the length of Bytes");
        int count = 0;
        int payload = 0;
        int start = 0;
        foreach (Packet packet in batch)
        {
            Require(batch.Bytes.Slice(start, packet.Bytes.Length) == packet.Bytes, "packets lie side by side in Bytes");
            Packets.Add(new ReceivedPacket(packet.Time ?? 0, packet.Payload.ToArray()));
            Lengths.Add(packet.Bytes.Length);
            start += packet.Bytes.Length;
            payload += packet.Payload.Length;
            count++;
        }

        Require(count == batch.Count, "Count is the number of packets");
        Require(start == batch.ByteCount, "the packets are all of Bytes");
        Require(payload == batch.PayloadByteCount, "PayloadByteCount is the sum of the payloads");
        _packetBytes += batch.ByteCount;
        LastBatches.Add(count);
        batch.Release();
    }

    private void CheckCounters()
    {
        Require(Decoder.BytesReceived == _given, "BytesReceived is what was given");
        Require(Counters.BytesReceived == _given, "the counter of bytes received is what was given");
        Require(
            _given == _packetBytes + Counters.BytesDiscarded + Counters.BytesUnfinished,
            $"received {_given} = packets {_packetBytes} + discarded {Counters.BytesDiscarded} + unfinished {Counters.BytesUnfinished}");
        long unfinishedAt = Counters.BytesUnfinished == 0 ? -1 : _packetBytes;
        Require(Decoder.UnfinishedPacketOffset == unfinishedAt, "the unfinished packet starts behind the whole ones");
    }
}
