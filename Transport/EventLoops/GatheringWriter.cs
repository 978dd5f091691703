using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>The gathering writes of one event loop; its vectors and pins serve every channel. The loop's thread only.</summary>
/// <remarks>
/// The arrays must not move while the kernel reads them. Allocating a pinned handle costs far more than retargeting it, so
/// 64 live as long as the loop. Buffers of DotNetty's pool share arrays, and neighbours in one array share one pin.
/// <para>
/// <see cref="ChannelOutboundBuffer.GetSharedBufferList()"/> is not used: DotNetty clears that list of the thread only after
/// promises have completed, so a write from a continuation would send these bytes too.
/// </para>
/// </remarks>
internal sealed unsafe class GatheringWriter : ChannelOutboundBuffer.IMessageProcessor, IDisposable
{
    /// <summary>The kernel's limit of vectors per call.</summary>
    public const int MaxVectors = LibC.IOV_MAX;

    /// <summary>The bytes per call, about one send buffer; a channel's turn is at most WriteSpinCount (16) calls.</summary>
    public const int MaxBytes = 256 * 1024;

    private const int MaxPins = 64;

    private readonly PinnedGCHandle<byte[]?>[] _pins = new PinnedGCHandle<byte[]?>[MaxPins];
    private readonly List<ArraySegment<byte>> _segments = [];
    private LibC.IoVector* _vectors;
    private long _collected;

    public GatheringWriter()
    {
        _vectors = (LibC.IoVector*)NativeMemory.Alloc(MaxVectors, (nuint)sizeof(LibC.IoVector));
        for (int i = 0; i < _pins.Length; i++)
        {
            _pins[i] = new PinnedGCHandle<byte[]?>(null);
        }
    }

    /// <summary>The number of send calls. For tests.</summary>
    public long Calls { get; private set; }

    /// <summary>Sends flushed messages in one call, without removing them; returns the number of bytes taken, or −errno.</summary>
    public nint Send(int fd, ChannelOutboundBuffer output, out nint offered)
    {
        // Also cleared here: collecting throws if a message was already released.
        _segments.Clear();
        _collected = 0;
        output.ForEachFlushedMessage(this);

        nint sent = 0;
        offered = 0;
        if (_segments.Count == 1)
        {
            offered = _segments[0].Count;
            sent = Send(fd, _segments[0].AsSpan());
        }
        else if (_segments.Count > 1)
        {
            Calls++;
            sent = SendMany(fd, out offered);
        }

        _segments.Clear();
        return sent;
    }

    /// <summary>Collects one message's segments; returns whether the next message may fit.</summary>
    bool ChannelOutboundBuffer.IMessageProcessor.ProcessMessage(object message)
    {
        var buffer = (IByteBuffer)message;
        int count = buffer.ReadableBytes;
        if (count == 0)
        {
            return true;
        }

        if (_collected > 0 && _collected + count > MaxBytes)
        {
            return false;
        }

        _collected += count;
        if (buffer.IoBufferCount == 1)
        {
            _segments.Add(buffer.GetIoBuffer(buffer.ReaderIndex, count));
        }
        else
        {
            foreach (ArraySegment<byte> segment in buffer.GetIoBuffers())
            {
                if (segment.Count > 0)
                {
                    _segments.Add(segment);
                }
            }
        }

        return _segments.Count < MaxVectors;
    }

    /// <summary>Sends contiguous bytes; returns the number of bytes taken, or −errno.</summary>
    public nint Send(int fd, ReadOnlySpan<byte> bytes)
    {
        Calls++;
        fixed (byte* start = bytes)
        {
            nint sent;
            do
            {
                sent = LibC.Send(fd, start, (nuint)bytes.Length, LibC.MSG_NOSIGNAL);
            }
            while (sent < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);

            return sent < 0 ? -Marshal.GetLastPInvokeError() : sent;
        }
    }

    public void Dispose()
    {
        if (_vectors is null)
        {
            return;
        }

        foreach (PinnedGCHandle<byte[]?> pin in _pins)
        {
            pin.Dispose();
        }

        NativeMemory.Free(_vectors);
        _vectors = null;
    }

    private nint SendMany(int fd, out nint offered)
    {
        int pins = 0;
        int vectors = 0;
        byte[]? pinned = null;
        byte* start = null;
        offered = 0;

        foreach (ArraySegment<byte> segment in _segments)
        {
            if (segment.Array != pinned)
            {
                if (pins == MaxPins)
                {
                    break;
                }

                pinned = segment.Array;
                _pins[pins].Target = pinned;
                start = _pins[pins++].GetAddressOfArrayData();
            }

            _vectors[vectors++] = new LibC.IoVector { Base = start + segment.Offset, Length = (nuint)segment.Count };
            offered += segment.Count;
            if (vectors == MaxVectors)
            {
                break;
            }
        }

        var message = new LibC.MessageHeader { Vectors = _vectors, VectorCount = (nuint)vectors };
        nint sent;
        do
        {
            sent = LibC.SendMessage(fd, &message, LibC.MSG_NOSIGNAL);
        }
        while (sent < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);

        nint result = sent < 0 ? -Marshal.GetLastPInvokeError() : sent;
        for (int i = 0; i < pins; i++)
        {
            _pins[i].Target = null;
        }

        return result;
    }
}
