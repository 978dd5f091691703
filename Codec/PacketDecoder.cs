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
/// <para>A <see cref="LengthFieldBasedFrameDecoder"/> for the configured <see cref="HeaderLayout"/>. The layout decides about the packets
/// of a read. A read of whole packets is a batch as it is. Of any other read the base class cuts out the first packet, and
/// <see cref="ExtractFrame"/> extends it over all of them. Differences:</para>
/// <list type="bullet">
/// <item>Each literal byte is checked when it arrives. The stock decoder, given <c>'X' FF FF</c>, waits for 65,535 bytes.</item>
/// <item>A 4-byte length is unsigned. The stock decoder throws for one above 2^31.</item>
/// <item>A read that ends inside a packet leaves only that part, in a buffer of its own (<see cref="UnfinishedPacket"/>).
/// The stock decoder keeps the read buffer: 64 KiB for a single byte.</item>
/// <item>Faults are messages, not exceptions, and final: all later input is discarded and counted.</item>
/// </list>
/// <para>Threads: its channel's event loop.</para>
/// </remarks>
public sealed class PacketDecoder : LengthFieldBasedFrameDecoder
{
    private readonly HeaderLayout _layout;
    private readonly int _maxPayloadBytes;
    private readonly DecoderCounters _counters;
    private UnfinishedPacket _unfinished;
    private long _packets;
    private bool _faulted;

    /// <summary>The run of packets at the start of the read, which <see cref="ExtractFrame"/> cuts out; empty when it is cut out.</summary>
    private PacketRun _run;

    /// <summary>Creates a decoder for one connection.</summary>
    /// <param name="layout">The layout of headers; by default the default layout.</param>
    /// <param name="maxPayloadBytes">The longest payload accepted; by default <see cref="HeaderLayout.DefaultMaxPayload"/>.</param>
    /// <param name="counters">Byte counts, shared by the decoders of an event loop; by default the decoder's own.</param>
    /// <exception cref="ArgumentOutOfRangeException">The layout cannot announce <paramref name="maxPayloadBytes"/>.</exception>
    public PacketDecoder(HeaderLayout? layout = null, int? maxPayloadBytes = null, DecoderCounters? counters = null)
        : this(layout ?? HeaderLayout.Default, (layout ?? HeaderLayout.Default).FirstWithLength, maxPayloadBytes, counters)
    {
    }

    private PacketDecoder(HeaderLayout layout, HeaderAlternative header, int? maxPayload, DecoderCounters? counters)
        : this(layout, header.Length, header.Field!.Value, Checked(layout, maxPayload), counters)
    {
    }

    private PacketDecoder(HeaderLayout layout, int headerLength, LengthField field, int maxPayloadBytes, DecoderCounters? counters)
        : base(
            field.IsBigEndian ? ByteOrder.BigEndian : ByteOrder.LittleEndian,
            maxFrameLength: headerLength + maxPayloadBytes,
            lengthFieldOffset: field.Offset,
            lengthFieldLength: field.Size,
            lengthAdjustment: headerLength - field.End + field.Adjustment,
            initialBytesToStrip: 0,
            failFast: true)
    {
        _layout = layout;
        _maxPayloadBytes = maxPayloadBytes;
        _counters = counters ?? new DecoderCounters();
    }

    /// <summary>The layout of headers.</summary>
    public HeaderLayout Layout => _layout;

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
            message = input = input.HasArray ? input : Flatten(context.Allocator, input);
            if (!_faulted && !_unfinished.Exists)
            {
                _run = Measure(input);
                if (_run.Count > 0 && _run.ByteCount == input.ReadableBytes)
                {
                    // The base class would add a list and a slice. Measured: 4 % of the server's CPU time per read of one packet.
                    context.FireChannelRead(Batch(input));
                    return;
                }
            }
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
        else if (!_unfinished.Exists && (_run.Count > 0 || (_run = Measure(input)).Count > 0))
        {
            int start = input.ReaderIndex;

            // The base class does not support masks or alternatives.
            object content = _layout.IsPlain ? Decode(context, input) : ExtractFrame(context, input, start, _run.ByteCount);
            input.SetReaderIndex(start + _run.ByteCount);
            output.Add(Batch((IByteBuffer)content));
        }
        else
        {
            ContinueUnfinished(context, input, output);
        }
    }

    /// <summary>Returns a retained slice over the run of packets whose first packet the base class has found.</summary>
    protected override IByteBuffer ExtractFrame(IChannelHandlerContext context, IByteBuffer buffer, int index, int length) =>
        buffer.RetainedSlice(index, _run.ByteCount);

    private PacketRun Measure(IByteBuffer input) => PacketRun.Measure(Readable(input), _layout, _maxPayloadBytes);

    /// <summary>Returns the run of packets as a batch, which takes over the reference to its content.</summary>
    private PacketBatch Batch(IByteBuffer content)
    {
        PacketBatch batch = PacketBatch.Of(content, _layout, _run, _packets);
        _packets += _run.Count;
        _run = default;
        return batch;
    }

    private static int Checked(HeaderLayout layout, int? maxPayloadBytes)
    {
        int value = maxPayloadBytes ?? layout.DefaultMaxPayload;
        ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(maxPayloadBytes));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, layout.MaxPayloadLength, nameof(maxPayloadBytes));
        return value;
    }

    private static ReadOnlySpan<byte> Readable(IByteBuffer input) =>
        input.Array.AsSpan(input.ArrayOffset + input.ReaderIndex, input.ReadableBytes);

    /// <summary>Copies a composite buffer into one with an array, as the code behind works with spans.</summary>
    private static IByteBuffer Flatten(IByteBufferAllocator allocator, IByteBuffer input)
    {
        int length = input.ReadableBytes;
        IByteBuffer flat = allocator.HeapBuffer(length, length);
        flat.WriteBytes(input);
        input.Release();
        return flat;
    }

    private void ContinueUnfinished(IChannelHandlerContext context, IByteBuffer input, List<object> output)
    {
        if (_unfinished.PacketLength == 0)
        {
            HeaderInspection header = _unfinished.Inspect(Readable(input), _layout, _maxPayloadBytes);
            if (header.Fault is { } fault)
            {
                Fail(fault, header.Found, input, output);
                return;
            }

            if (header.IsPacket && _unfinished.Missing <= 0)
            {
                DecodeAgain(context, input, output);
                return;
            }
        }

        int before = _unfinished.AllocatedBytes;
        _counters.Held(_unfinished.Take(input, _layout.MaxHeaderLength, context.Allocator, _counters.BytesAllocated));
        _counters.Allocated(_unfinished.AllocatedBytes - before);
        if (_unfinished.IsWhole)
        {
            _run = _unfinished.Run;
            output.Add(Batch(DetachUnfinished()));
        }
    }

    /// <summary>Decodes the bytes held and the read as one buffer.</summary>
    /// <remarks>The bytes held were undecided, and turn out to be whole packets and perhaps a part of another one.</remarks>
    private void DecodeAgain(IChannelHandlerContext context, IByteBuffer input, List<object> output)
    {
        IByteBuffer held = DetachUnfinished();
        IByteBuffer joined = context.Allocator.HeapBuffer(held.ReadableBytes + input.ReadableBytes);
        joined.WriteBytes(held).WriteBytes(input);
        held.Release();
        while (joined.IsReadable())
        {
            Decode(context, joined, output);
        }

        joined.Release();
    }

    private IByteBuffer DetachUnfinished()
    {
        _counters.Released(_unfinished.Length);
        _counters.Allocated(-_unfinished.AllocatedBytes);
        return _unfinished.Detach();
    }

    private void Fail(FramingFaultKind kind, long found, IByteBuffer input, List<object> output)
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
