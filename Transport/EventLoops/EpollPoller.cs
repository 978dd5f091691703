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

    private const long NanosecondsPerSecond = 1_000_000_000;
    private const long NanosecondsPerMillisecond = 1_000_000;

    private readonly int _epoll = -1;
    private readonly int _eventFd = -1;
    private byte* _events;
    private bool _disposed;

    /// <summary>Makes an epoll instance.</summary>
    /// <param name="fineWaits"><c>false</c>: do without epoll_pwait2, as an older system does. For tests.</param>
    /// <param name="eventFd">A descriptor in place of a new eventfd, owned from here on. For tests.</param>
    /// <exception cref="System.Net.Sockets.SocketException">No descriptor or no memory left.</exception>
    public EpollPoller(bool fineWaits = true, int? eventFd = null)
    {
        try
        {
            _eventFd = eventFd ?? Made(LibC.EventFd(0, LibC.EFD_CLOEXEC | LibC.EFD_NONBLOCK), "eventfd");
            _epoll = Made(LibC.EpollCreate(LibC.EPOLL_CLOEXEC), "epoll_create1");
            _events = (byte*)NativeMemory.AllocZeroed(MaxEvents, (nuint)EpollEventLayout.Current.Size);
            Control(LibC.EPOLL_CTL_ADD, _eventFd, LibC.EPOLLIN | LibC.EPOLLET, WakeUpKey);
            WaitsFinely = fineWaits && CanWaitFinely();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The key under which wake-ups are reported; no channel has generation 0.</summary>
    public static ulong WakeUpKey => 0;

    /// <summary>
    /// Whether waits are to the nanosecond; otherwise to the millisecond, rounded up, as one that ends early would be asked for
    /// again and again until its time.
    /// </summary>
    public bool WaitsFinely { get; }

    /// <summary>How often epoll_ctl was called. The read path calls it never: tests hold it to that.</summary>
    public long ControlCalls { get; private set; }

    /// <summary>Waits for events.</summary>
    /// <param name="nanoseconds">−1 = for ever, 0 = only look.</param>
    /// <returns>The number of events; 0 also after EINTR, so that the caller computes its time-out anew.</returns>
    /// <exception cref="System.Net.Sockets.SocketException">epoll itself is broken; a bug.</exception>
    public int Wait(long nanoseconds)
    {
        int count = nanoseconds > 0 && WaitsFinely ? WaitFinely(nanoseconds) : WaitMilliseconds(nanoseconds);
        if (count >= 0)
        {
            return count;
        }

        return Marshal.GetLastPInvokeError() == Errno.EINTR ? 0 : throw SocketErrors.LastError("epoll_wait");
    }

    /// <summary>
    /// The event at an index below the last wait's result. Read before anything is dispatched, as it is overwritten by the next wait
    /// only.
    /// </summary>
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

    /// <summary>
    /// Takes a descriptor out that is about to be closed. It cannot fail for one that is in; and a close must not fail for one that
    /// is not.
    /// </summary>
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

    /// <summary>Closes both descriptors, once. The caller has made sure that no <see cref="Wake"/> is under way.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _ = LibC.Close(_eventFd);
        _ = LibC.Close(_epoll);
        NativeMemory.Free(_events);
        _events = null;
    }

    private static int Made(int descriptor, string operation) =>
        descriptor >= 0 ? descriptor : throw SocketErrors.LastError(operation);

    private int WaitMilliseconds(long nanoseconds)
    {
        int milliseconds = nanoseconds <= 0
            ? (int)nanoseconds
            : (int)Math.Min(int.MaxValue, ((nanoseconds - 1) / NanosecondsPerMillisecond) + 1);
        return LibC.EpollWait(_epoll, _events, MaxEvents, milliseconds);
    }

    private int WaitFinely(long nanoseconds)
    {
        var timeout = new LibC.TimeSpec { Seconds = nanoseconds / NanosecondsPerSecond, Nanoseconds = nanoseconds % NanosecondsPerSecond };
        return LibC.EpollWait2(_epoll, _events, MaxEvents, &timeout, null);
    }

    /// <summary>Tries once, without waiting: what the kernel does not know now it will not know later.</summary>
    private bool CanWaitFinely()
    {
        try
        {
            return WaitFinely(0) >= 0 || Marshal.GetLastPInvokeError() is not (Errno.ENOSYS or Errno.EPERM);
        }
        catch (EntryPointNotFoundException)
        {
            // A libc without the function; milliseconds have to do.
            return false;
        }
    }
}
