using DotNetty.Buffers;
using DotNetty.Codecs;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Codec;

/// <summary>A decoder that cuts a TCP stream into packets.</summary>
/// <remarks>
/// <para>In: <see cref="IByteBuffer"/>, split anywhere → Out: <see cref="PacketBatch"/>, at most two per read, and at most one
/// <see cref="FramingFault"/>, the last message of the connection.</para>
/// <code>
/// TWO READS                                              AFTER DECODE
/// +----------+----------+-----+   +-----+----------+     +-----------------------+   +----------+   +----------+
/// | packet 1 | packet 2 | pac | , | ket3| packet 4 | --> | batch: packet 1 and 2 |   | packet 3 |   | packet 4 |
/// +----------+----------+-----+   +-----+----------+     +-----------------------+   +----------+   +----------+
/// </code>
/// <para>A <see cref="LengthFieldBasedFrameDecoder"/> for the 7-byte header (<see cref="PacketHeader"/>). The base class parses
/// the first header of a read; <see cref="ExtractFrame"/> extends the frame over the whole packets behind it. Three differences:</para>
/// <list type="bullet">
/// <item>The first byte is checked when it arrives. The stock decoder, given <c>'X' FF FF</c>, waits for 65,535 bytes.</item>
/// <item>A read that ends inside a packet leaves only that part, in a buffer of its own (<see cref="UnfinishedPacket"/>).
/// The stock decoder keeps the read buffer: 64 KiB for a single byte.</item>
/// <item>Faults are messages, not exceptions, and final: all later input is discarded and counted.</item>
/// </list>
/// <para>Threads: its channel's event loop.</para>
/// </remarks>
public sealed class PacketDecoder : LengthFieldBasedFrameDecoder
{
    private readonly int _maxPayloadBytes;
    private readonly DecoderCounters _counters;
    private UnfinishedPacket _unfinished;
    private long _packets;
    private bool _faulted;

    /// <summary>The run found by <see cref="ExtractFrame"/>, valid until <c>Decode</c> returns.</summary>
    private PacketRun _run;

    /// <summary>Creates a decoder for one connection.</summary>
    /// <param name="maxPayloadBytes">The longest payload accepted, 0 to 65,535.</param>
    /// <param name="counters">Byte counts, shared by the decoders of an event loop; by default the decoder's own.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxPayloadBytes"/> is negative or above 65,535.</exception>
    public PacketDecoder(int maxPayloadBytes = PacketHeader.MaxPayloadLength, DecoderCounters? counters = null)
        : base(
            ByteOrder.LittleEndian,
            maxFrameLength: PacketHeader.Size + Checked(maxPayloadBytes),
            lengthFieldOffset: PacketHeader.LengthOffset,
            lengthFieldLength: PacketHeader.LengthSize,
            lengthAdjustment: PacketHeader.TimeSize, // the time lies between length and payload
            initialBytesToStrip: 0,
            failFast: true)
    {
        _maxPayloadBytes = maxPayloadBytes;
        _counters = counters ?? new DecoderCounters();
    }

    /// <summary>Bytes received on this connection.</summary>
    public long BytesReceived { get; private set; }

    /// <summary>Whole packets received on this connection.</summary>
    public long PacketsReceived => _packets;

    /// <summary>The offset in the stream at which the unfinished packet starts; −1 if there is none.</summary>
    public long UnfinishedPacketOffset => _unfinished.Exists ? BytesReceived - _unfinished.Length : -1;

    /// <summary>Bytes allocated for the unfinished packet; 0 if there is none.</summary>
    public int UnfinishedPacketCapacity => _unfinished.AllocatedBytes;

    /// <summary>Releases the unfinished packet and discards all later input; both count as discarded.</summary>
    /// <remarks>It must not be called inside a read.</remarks>
    public void Abandon()
    {
        _faulted = true;
        DiscardUnfinished();
    }

    /// <inheritdoc/>
    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        if (message is IByteBuffer input)
        {
            BytesReceived += input.ReadableBytes;
            _counters.Received(input.ReadableBytes);
            message = input.HasArray ? input : Flatten(context.Allocator, input);
        }

        base.ChannelRead(context, message);
    }

    /// <summary>Passes the event on.</summary>
    /// <remarks>The base class would request another read when this one completed no packet, even with AutoRead off.</remarks>
    public override void ChannelReadComplete(IChannelHandlerContext context) => context.FireChannelReadComplete();

    /// <inheritdoc/>
    public override void ChannelInactive(IChannelHandlerContext ctx)
    {
        DiscardUnfinished();
        base.ChannelInactive(ctx);
    }

    /// <inheritdoc/>
    protected override void HandlerRemovedInternal(IChannelHandlerContext context)
    {
        DiscardUnfinished();
        base.HandlerRemovedInternal(context);
    }

    /// <summary>Decodes a part of <paramref name="input"/>; the base class calls it until nothing is left.</summary>
    protected override void Decode(IChannelHandlerContext context, IByteBuffer input, List<object> output)
    {
        if (_faulted)
        {
            Discard(input);
        }
        else if (_unfinished.Exists)
        {
            ContinueUnfinished(context, input, output);
        }
        else if (input.GetByte(input.ReaderIndex) is var first && first != PacketHeader.Prefix)
        {
            Fail(FramingFaultKind.InvalidPrefix, first, input, output);
        }
        else if (AnnouncedLength(input) is var length && length > _maxPayloadBytes)
        {
            Fail(FramingFaultKind.PayloadTooLarge, length, input, output);
        }
        else
        {
            int start = input.ReaderIndex;
            if (Decode(context, input) is IByteBuffer frame)
            {
                input.SetReaderIndex(start + _run.ByteCount);
                Emit(frame, _run.Count, output);
            }
            else
            {
                ContinueUnfinished(context, input, output);
            }
        }
    }

    /// <summary>Returns a retained slice over the packet that the base class found and all whole packets behind it.</summary>
    protected override IByteBuffer ExtractFrame(IChannelHandlerContext context, IByteBuffer buffer, int index, int length)
    {
        ReadOnlySpan<byte> rest = buffer.Array.AsSpan(buffer.ArrayOffset + index, buffer.WriterIndex - index);
        _run = PacketRun.Measure(rest, length, _maxPayloadBytes);
        return buffer.RetainedSlice(index, _run.ByteCount);
    }

    private static int Checked(int maxPayloadBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxPayloadBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxPayloadBytes, PacketHeader.MaxPayloadLength);
        return maxPayloadBytes;
    }

    /// <summary>Copies a composite buffer into one with an array, as the code behind works with spans.</summary>
    private static IByteBuffer Flatten(IByteBufferAllocator allocator, IByteBuffer input)
    {
        int length = input.ReadableBytes;
        IByteBuffer flat = allocator.HeapBuffer(length, length);
        flat.WriteBytes(input);
        input.Release();
        return flat;
    }

    private static int AnnouncedLength(IByteBuffer input) =>
        input.ReadableBytes < PacketHeader.LengthKnownAt ? 0 : input.GetUnsignedShortLE(input.ReaderIndex + PacketHeader.LengthOffset);

    private void ContinueUnfinished(IChannelHandlerContext context, IByteBuffer input, List<object> output)
    {
        int before = _unfinished.AllocatedBytes;
        _counters.Held(_unfinished.Take(context.Allocator, input, _counters.BytesAllocated));
        _counters.Allocated(_unfinished.AllocatedBytes - before);
        if (_unfinished.PacketLength == 0)
        {
            return;
        }

        if (_unfinished.PayloadLength > _maxPayloadBytes)
        {
            Fail(FramingFaultKind.PayloadTooLarge, _unfinished.PayloadLength, input, output);
        }
        else if (_unfinished.Missing == 0)
        {
            _counters.Released(_unfinished.Length);
            _counters.Allocated(-_unfinished.AllocatedBytes);
            Emit(_unfinished.Detach(), 1, output);
        }
    }

    private void Emit(IByteBuffer run, int count, List<object> output)
    {
        output.Add(new PacketBatch(run, count, _packets));
        _packets += count;
    }

    private void Fail(FramingFaultKind kind, int found, IByteBuffer input, List<object> output)
    {
        output.Add(new FramingFault(kind, BytesReceived - input.ReadableBytes - _unfinished.Length, found));
        _faulted = true;
        DiscardUnfinished();
        Discard(input);
    }

    private void Discard(IByteBuffer input)
    {
        _counters.Discarded(input.ReadableBytes);
        input.SkipBytes(input.ReadableBytes);
    }

    private void DiscardUnfinished()
    {
        _counters.Released(_unfinished.Length);
        _counters.Discarded(_unfinished.Length);
        _counters.Allocated(-_unfinished.AllocatedBytes);
        _unfinished.Release();
    }
}
