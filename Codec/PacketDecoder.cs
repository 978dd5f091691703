using DotNetty.Buffers;
using DotNetty.Codecs;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Codec;

/// <summary>
/// Cuts a TCP stream into packets: In: <see cref="IByteBuffer"/>, grouped as the network likes → Out: <see cref="PacketBatch"/>,
/// at most two a read, and at most one <see cref="FramingFault"/>, the last message of its connection.
/// </summary>
/// <remarks>
/// <code>
/// TWO READS                                              AFTER DECODE
/// +----------+----------+-----+   +-----+----------+     +-----------------------+   +----------+   +----------+
/// | packet 1 | packet 2 | pac | , | ket3| packet 4 | --> | batch: packet 1 and 2 |   | packet 3 |   | packet 4 |
/// +----------+----------+-----+   +-----+----------+     +-----------------------+   +----------+   +----------+
/// </code>
/// <para>A <see cref="LengthFieldBasedFrameDecoder"/> for the 7-byte header (<see cref="PacketHeader"/>): the base class parses
/// the first header and waits for the first packet; its hook <see cref="ExtractFrame"/> is used to extend the frame over the
/// whole packets that follow in the same read. Three things differ from the stock decoder, each for a reason:</para>
/// <list type="bullet">
/// <item>The first byte is looked at when it comes. The stock decoder, fed <c>'X' FF FF</c>, waits for 65,535 bytes.</item>
/// <item>Only the tail is kept: a read that ends inside a packet leaves that piece in a buffer of its own
/// (<see cref="UnfinishedPacket"/>) and consumes its input. The stock decoder keeps the read buffer, 64 KiB for a single byte.</item>
/// <item>Faults are messages, never exceptions, and final: from then on all input is discarded and counted.</item>
/// </list>
/// <para>Reads nothing on its own account: where AutoRead is off, only whoever turned it off decides when to read.
/// Threads: its channel's event loop; <see cref="BytesReceived"/> and <see cref="UnfinishedPacketOffset"/> too.</para>
/// </remarks>
public sealed class PacketDecoder : LengthFieldBasedFrameDecoder
{
    private readonly int _maxPayloadBytes;
    private readonly DecoderCounters _counters;
    private UnfinishedPacket _unfinished;
    private long _packets;
    private bool _faulted;

    /// <summary>The run that <see cref="ExtractFrame"/> found; good between that call and the end of <c>Decode</c>.</summary>
    private PacketRun _run;

    /// <summary>Makes a decoder for one connection.</summary>
    /// <param name="maxPayloadBytes">Larger payloads are a fault as soon as their header announces them; 0 to 65,535.</param>
    /// <param name="counters">Where to count bytes, shared with the other decoders of the event loop; by default its own.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxPayloadBytes"/> is negative or above 65,535.</exception>
    public PacketDecoder(int maxPayloadBytes = PacketHeader.MaxPayloadLength, DecoderCounters? counters = null)
        : base(
            ByteOrder.LittleEndian,
            maxFrameLength: PacketHeader.Size + Checked(maxPayloadBytes),
            lengthFieldOffset: PacketHeader.LengthOffset,
            lengthFieldLength: PacketHeader.LengthSize,
            lengthAdjustment: PacketHeader.TimeSize, // the length field counts the payload; the time stands between
            initialBytesToStrip: 0,
            failFast: true)
    {
        _maxPayloadBytes = maxPayloadBytes;
        _counters = counters ?? new DecoderCounters();
    }

    /// <summary>Bytes that this connection has given to the decoder.</summary>
    public long BytesReceived { get; private set; }

    /// <summary>Whole packets that this connection has sent.</summary>
    public long PacketsReceived => _packets;

    /// <summary>
    /// Where the packet that is not whole yet starts, in bytes from the start of the stream; −1 when there is none. As long as
    /// this stays the same, it is the same packet, however its bytes trickle in.
    /// </summary>
    public long UnfinishedPacketOffset => _unfinished.Exists ? BytesReceived - _unfinished.Length : -1;

    /// <summary>Bytes allocated for the packet that is not whole yet; 0 when there is none.</summary>
    public int UnfinishedPacketCapacity => _unfinished.AllocatedBytes;

    /// <summary>Releases the unfinished packet and discards all further input; both count as discarded.</summary>
    /// <remarks>Not to be called inside a read.</remarks>
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

    /// <summary>Passes the event on, and no more: the base would ask for another read when this one completed no packet, even
    /// where AutoRead has been turned off to hold the peer back.</summary>
    /// <param name="context">This handler's context.</param>
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

    /// <summary>One step of decoding; called until <paramref name="input"/> is consumed, which each step either does or comes
    /// nearer to. Nothing of a read is left in the base class's hands.</summary>
    /// <param name="context">This handler's context.</param>
    /// <param name="input">What is left of the read.</param>
    /// <param name="output">Where messages for the next handler go.</param>
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

    /// <summary>The base class's hook: it found one packet; this takes all whole packets that lie behind it too.</summary>
    /// <param name="context">This handler's context.</param>
    /// <param name="buffer">The read.</param>
    /// <param name="index">Where the first packet starts.</param>
    /// <param name="length">The first packet's length.</param>
    /// <returns>A retained slice of <paramref name="buffer"/> over the run.</returns>
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

    /// <summary>A buffer of several pieces (a composite one) is copied into one, once; everything behind works with spans.</summary>
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
            _counters.LetGo(_unfinished.Length);
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
        _counters.LetGo(_unfinished.Length);
        _counters.Discarded(_unfinished.Length);
        _counters.Allocated(-_unfinished.AllocatedBytes);
        _unfinished.Release();
    }
}
