using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>
/// Sends buffers, several in one system call. Its vectors and pins are the loop's and serve every channel.
/// The loop's thread only.
/// </summary>
/// <remarks>
/// The arrays must not move while the kernel reads them. A pinned handle costs far more to allocate than to point
/// elsewhere, so a few live as long as the loop; buffers of DotNetty's pool share their arrays, and neighbours in one
/// array share one pin.
/// <para>
/// <see cref="ChannelOutboundBuffer.GetSharedBufferList()"/> is not used. It appends to a list of the thread that DotNetty
/// clears only after promises have completed, so a write from a promise's continuation would send these bytes too.
/// </para>
/// </remarks>
internal sealed unsafe class GatheringWriter : ChannelOutboundBuffer.IMessageProcessor, IDisposable
{
    /// <summary>Vectors a call, the kernel's limit.</summary>
    public const int MaxVectors = LibC.IOV_MAX;

    /// <summary>Bytes a call: about what a socket's send buffer takes at once; a channel's turn is at most WriteSpinCount (16) of them.</summary>
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

    /// <summary>How often the kernel was asked to take something. For tests.</summary>
    public long Calls { get; private set; }

    /// <summary>Sends flushed messages in order, as many as fit one call. Runs no code of others.</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="output">The channel's messages, byte buffers all of them. None is removed.</param>
    /// <param name="offered">Bytes offered to the kernel.</param>
    /// <returns>Bytes that the kernel took, or −errno.</returns>
    public nint Send(int fd, ChannelOutboundBuffer output, out nint offered)
    {
        // Cleared here and not only below: a buffer that was released too early throws while messages are collected.
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

    /// <summary>Collects one message's segments.</summary>
    /// <returns>Whether the next message may fit too.</returns>
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

    /// <summary>Sends bytes that lie together.</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="bytes">Not empty.</param>
    /// <returns>Bytes that the kernel took, or −errno.</returns>
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

    /// <summary>Frees the pins and vectors.</summary>
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
