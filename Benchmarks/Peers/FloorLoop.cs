using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Benchmarks.Peers;

/// <summary>One epoll loop of the <see cref="FloorServer"/>.</summary>
/// <remarks><see cref="Run"/> is its thread; <see cref="Add"/> and <see cref="Packets"/> may be called on any.</remarks>
internal sealed unsafe class FloorLoop
{
    private const int EventsAWakeUp = 256;
    private const int ReceiveBytes = 64 * 1024;
    private const int HeaderBytes = 7;
    private const long MostDescriptors = 1 << 20; // of a process, by fs.nr_open's default
    private const byte Prefix = (byte)'&';

    private readonly int _epoll = Libc.EpollCreate(Libc.EpollCloseOnExec);
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(EventsAWakeUp * Libc.EpollEventSize));
    private readonly byte* _buffer = (byte*)NativeMemory.Alloc(ReceiveBytes);

    /// <summary>By descriptor; an array a loop, so that two loops never write to the same cache line.</summary>
    private readonly Unfinished[] _unfinished = new Unfinished[Math.Min(OpenFileLimit.Read()?.Hard ?? MostDescriptors, MostDescriptors)];

    private long _packets;

    /// <summary>Packets seen.</summary>
    public long Packets => Volatile.Read(ref _packets);

    /// <summary>Gives it a connection; epoll_ctl(2) may be called while the loop waits.</summary>
    public void Add(int connection)
    {
        _unfinished[connection] = default;
        if (Libc.EpollAdd(_epoll, connection, Libc.EpollIn) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), "epoll_ctl");
        }
    }

    /// <summary>The loop; never returns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run()
    {
        while (true)
        {
            int ready = Libc.EpollWait(_epoll, _events, EventsAWakeUp, -1);
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

    /// <summary>Walks from header to header.</summary>
    /// <returns>False at a wrong prefix.</returns>
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

    /// <summary>What a connection's last read ended in.</summary>
    private struct Unfinished
    {
        /// <summary>Bytes of a packet whose header has been seen and which have not come yet.</summary>
        public int Missing;

        /// <summary>Bytes of a header that is not whole, 0 to 6.</summary>
        public int HeaderBytes;

        private int _length;

        /// <summary>Takes one byte of a header that is spread over reads; with the last one, the payload behind it.</summary>
        /// <returns>Packets that are whole by this: 0 or 1.</returns>
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
