using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Peers;

/// <summary>One epoll loop of the <see cref="FloorServer"/>.</summary>
/// <remarks><see cref="Run"/> owns the thread; <see cref="Add"/> and <see cref="Packets"/> may be called on any.</remarks>
internal sealed unsafe class FloorLoop
{
    private const int MaxEvents = 256;
    private const int ReceiveBytes = 64 * 1024;
    private const int HeaderBytes = 7;
    private const long MaxDescriptors = 1 << 20; // fs.nr_open's default per process
    private const byte Prefix = (byte)'&';

    private readonly int _epoll = Libc.EpollCreate(Libc.EpollCloseOnExec);
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(MaxEvents * Libc.EpollEventSize));
    private readonly byte* _buffer = (byte*)NativeMemory.Alloc(ReceiveBytes);

    /// <summary>By descriptor; one array per loop, so that two loops never write to the same cache line.</summary>
    private readonly Unfinished[] _unfinished = new Unfinished[Math.Min(OpenFileLimit.Read()?.Hard ?? MaxDescriptors, MaxDescriptors)];

    private long _packets;

    /// <summary>The number of whole packets received.</summary>
    public long Packets => Volatile.Read(ref _packets);

    /// <summary>Adds a connection; epoll_ctl(2) is allowed while the loop waits.</summary>
    public void Add(int connection)
    {
        _unfinished[connection] = default;
        if (Libc.EpollAdd(_epoll, connection, Libc.EpollIn) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), "epoll_ctl");
        }
    }

    /// <summary>Runs the loop; never returns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run()
    {
        while (true)
        {
            int ready = Libc.EpollWait(_epoll, _events, MaxEvents, -1);
            for (int i = 0; i < ready; i++)
            {
                int connection = Libc.DescriptorOf(_events, i);
                nint received = Libc.Receive(connection, _buffer, ReceiveBytes, 0);
                if (received > 0
                    ? !Parse(ref _unfinished[connection], _buffer, _buffer + received)
                    : received == 0 || Marshal.GetLastPInvokeError() is not (Libc.TryAgain or Libc.Interrupted))
                {
                    _ = Libc.Close(connection);
                }
            }
        }
    }

    /// <summary>Walks from header to header; returns false at a wrong prefix.</summary>
    private bool Parse(ref Unfinished unfinished, byte* next, byte* end)
    {
        long packets = _packets;
        if (unfinished.Missing > 0)
        {
            int here = (int)Math.Min(unfinished.Missing, end - next);
            unfinished.Missing -= here;
            next += here;
            packets += unfinished.Missing == 0 ? 1 : 0;
        }

        while (unfinished.HeaderBytes > 0 && next < end)
        {
            packets += unfinished.TakeHeaderByte(ref next, end);
        }

        while (end - next >= HeaderBytes && *next == Prefix)
        {
            int length = HeaderBytes + *(ushort*)(next + 1);
            if (length > end - next)
            {
                unfinished.Missing = length - (int)(end - next);
                next = end;
                break;
            }

            next += length;
            packets++;
        }

        Volatile.Write(ref _packets, packets);
        if (next < end && *next != Prefix)
        {
            return false;
        }

        while (next < end)
        {
            unfinished.TakeHeaderByte(ref next, end);
        }

        return true;
    }

    /// <summary>The unfinished packet at the end of a connection's last read.</summary>
    private struct Unfinished
    {
        /// <summary>Missing bytes of a packet with a complete header.</summary>
        public int Missing;

        /// <summary>Bytes of an incomplete header, 0 to 6.</summary>
        public int HeaderBytes;

        private int _length;

        /// <summary>Takes one byte of a split header, and with its last byte the payload; returns the packets completed, 0 or 1.</summary>
        public int TakeHeaderByte(ref byte* next, byte* end)
        {
            _length = HeaderBytes switch
            {
                1 => *next,
                2 => _length | (*next << 8),
                _ => _length,
            };
            next++;
            if (++HeaderBytes < FloorLoop.HeaderBytes)
            {
                return 0;
            }

            int here = (int)Math.Min(_length, end - next);
            next += here;
            (HeaderBytes, Missing) = (0, _length - here);
            return Missing == 0 ? 1 : 0;
        }
    }
}
