using System.Runtime.InteropServices;
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
/// </remarks>
internal sealed unsafe class GatheringWriter : IDisposable
{
    /// <summary>Vectors a call, the kernel's limit.</summary>
    public const int MaxVectors = LibC.IOV_MAX;

    /// <summary>Bytes a call: about what a socket's send buffer takes at once; a channel's turn is at most WriteSpinCount (16) of them.</summary>
    public const int MaxBytes = 256 * 1024;

    private const int MaxPins = 64;

    private readonly PinnedGCHandle<byte[]?>[] _pins = new PinnedGCHandle<byte[]?>[MaxPins];
    private LibC.IoVector* _vectors;

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

    /// <summary>Sends the segments in order, as many as fit one call.</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="segments">Not empty segments.</param>
    /// <param name="offered">Bytes offered to the kernel, at most the sum of the segments.</param>
    /// <returns>Bytes that the kernel took, or −errno.</returns>
    public nint Send(int fd, List<ArraySegment<byte>> segments, out nint offered)
    {
        if (segments.Count == 0)
        {
            return offered = 0;
        }

        if (segments.Count == 1)
        {
            offered = segments[0].Count;
            return Send(fd, segments[0].AsSpan());
        }

        Calls++;
        return SendMany(fd, segments, out offered);
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

    private nint SendMany(int fd, List<ArraySegment<byte>> segments, out nint offered)
    {
        int pins = 0;
        int vectors = 0;
        byte[]? pinned = null;
        byte* start = null;
        offered = 0;

        foreach (ArraySegment<byte> segment in segments)
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
