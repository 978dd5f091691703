using System.Runtime.InteropServices;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>
/// One epoll instance, the array that it reports into, and the eventfd that ends a wait.
/// </summary>
/// <remarks>
/// Everything is level-triggered: a read that leaves bytes behind is reported again by itself, so one receive a wake-up
/// is fair and nothing has to remember who was not finished. The eventfd alone is edge-triggered: each write is an edge,
/// so nobody ever has to read it.
/// <para>Threads: <see cref="Wake"/> any, all else the loop's.</para>
/// </remarks>
internal sealed unsafe class EpollPoller : IDisposable
{
    /// <summary>Events a wait: enough to spread its cost, few enough (about 1 ms of work) to look at tasks and timers in between.</summary>
    private const int MaxEvents = 256;

    private readonly int _epoll;
    private readonly int _eventFd;
    private byte* _events;

    /// <exception cref="System.Net.Sockets.SocketException">No descriptor or no memory left.</exception>
    public EpollPoller()
    {
        _epoll = LibC.EpollCreate(LibC.EPOLL_CLOEXEC);
        if (_epoll < 0)
        {
            throw SocketErrors.LastError("epoll_create1");
        }

        _eventFd = LibC.EventFd(0, LibC.EFD_CLOEXEC | LibC.EFD_NONBLOCK);
        if (_eventFd < 0)
        {
            System.Net.Sockets.SocketException error = SocketErrors.LastError("eventfd");
            _ = LibC.Close(_epoll);
            throw error;
        }

        _events = (byte*)NativeMemory.AllocZeroed(MaxEvents, (nuint)EpollEventLayout.Current.Size);
        Control(LibC.EPOLL_CTL_ADD, _eventFd, LibC.EPOLLIN | LibC.EPOLLET, WakeUpKey);
    }

    /// <summary>The key under which wake-ups are reported; no channel has generation 0.</summary>
    public static ulong WakeUpKey => 0;

    /// <summary>How often epoll_ctl was called. The read path calls it never: tests hold it to that.</summary>
    public long ControlCalls { get; private set; }

    /// <summary>Waits for events.</summary>
    /// <param name="timeoutMilliseconds">−1 = for ever, 0 = only look.</param>
    /// <returns>The number of events; 0 also after EINTR, so that the caller computes its time-out anew.</returns>
    /// <exception cref="System.Net.Sockets.SocketException">epoll itself is broken; a bug.</exception>
    public int Wait(int timeoutMilliseconds)
    {
        int count = LibC.EpollWait(_epoll, _events, MaxEvents, timeoutMilliseconds);
        if (count >= 0)
        {
            return count;
        }

        return Marshal.GetLastPInvokeError() == Errno.EINTR ? 0 : throw SocketErrors.LastError("epoll_wait");
    }

    /// <summary>The event at an index below the last wait's result. Read before anything is dispatched, as it is overwritten by the next wait only.</summary>
    public (uint Events, ulong Key) EventAt(int index)
    {
        byte* entry = _events + (index * EpollEventLayout.Current.Size);
        return (*(uint*)entry, *(ulong*)(entry + EpollEventLayout.Current.DataOffset));
    }

    /// <summary>epoll_ctl.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">ENOMEM or ENOSPC: the channel that asked has to close.</exception>
    public void Control(int operation, int fd, uint events, ulong key)
    {
        ControlCalls++;
        byte* entry = stackalloc byte[16];
        *(uint*)entry = events;
        *(ulong*)(entry + EpollEventLayout.Current.DataOffset) = key;
        if (LibC.EpollControl(_epoll, operation, fd, entry) < 0)
        {
            throw SocketErrors.LastError("epoll_ctl");
        }
    }

    /// <summary>Takes a descriptor out that is about to be closed. It cannot fail for one that is in; and a close must not fail for one that is not.</summary>
    public void Remove(int fd)
    {
        ControlCalls++;
        byte* unused = stackalloc byte[16];
        _ = LibC.EpollControl(_epoll, LibC.EPOLL_CTL_DEL, fd, unused);
    }

    /// <summary>Ends a wait that is going on, or the next one. Any thread, until <see cref="Dispose"/>.</summary>
    public void Wake()
    {
        ulong one = 1;
        _ = LibC.Write(_eventFd, &one, sizeof(ulong));
    }

    /// <summary>Closes both descriptors. The caller has made sure that no <see cref="Wake"/> is under way.</summary>
    public void Dispose()
    {
        if (_events is null)
        {
            return;
        }

        _ = LibC.Close(_eventFd);
        _ = LibC.Close(_epoll);
        NativeMemory.Free(_events);
        _events = null;
    }
}
