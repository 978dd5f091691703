using System.Runtime.InteropServices;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>One epoll instance, its event array, and the eventfd that ends a wait.</summary>
/// <remarks>
/// Sockets are level-triggered: epoll reports unread bytes again, so one receive per wake-up is fair and needs no ready list.
/// The eventfd is edge-triggered: each write is an edge, so it is never read.
/// <para>Threads: <see cref="Wake"/> any, all else the loop's.</para>
/// </remarks>
internal sealed unsafe class EpollPoller : IDisposable
{
    /// <summary>The maximum number of events per wait: about 1 ms of work before tasks and timers run.</summary>
    private const int MaxEvents = 256;

    private const long NanosecondsPerSecond = 1_000_000_000;
    private const long NanosecondsPerMillisecond = 1_000_000;

    private readonly int _epoll = -1;
    private readonly int _eventFd = -1;
    private byte* _events;
    private bool _disposed;

    /// <summary>Creates an epoll instance.</summary>
    /// <param name="tryNanoseconds"><c>false</c>: do not use epoll_pwait2, like an older system. For tests.</param>
    /// <param name="eventFd">A descriptor to use, and to own, instead of a new eventfd. For tests.</param>
    /// <exception cref="System.Net.Sockets.SocketException">No descriptor or no memory is left.</exception>
    public EpollPoller(bool tryNanoseconds = true, int? eventFd = null)
    {
        try
        {
            _eventFd = eventFd ?? ThrowIfFailed(LibC.EventFd(0, LibC.EFD_CLOEXEC | LibC.EFD_NONBLOCK), "eventfd");
            _epoll = ThrowIfFailed(LibC.EpollCreate(LibC.EPOLL_CLOEXEC), "epoll_create1");
            _events = (byte*)NativeMemory.AllocZeroed(MaxEvents, (nuint)EpollEventLayout.Current.Size);
            Control(LibC.EPOLL_CTL_ADD, _eventFd, LibC.EPOLLIN | LibC.EPOLLET, WakeUpKey);
            WaitsNanoseconds = tryNanoseconds && CanWaitNanoseconds();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The key of wake-ups; no channel has generation 0.</summary>
    public static ulong WakeUpKey => 0;

    /// <summary>Whether waits have nanoseconds. If not, they are rounded up to milliseconds, as an early end would spin.</summary>
    public bool WaitsNanoseconds { get; }

    /// <summary>The number of epoll_ctl calls, for the test that steady reads make none.</summary>
    public long ControlCalls { get; private set; }

    /// <summary>Waits for events and returns their number; 0 also after EINTR, so that the caller computes a new time-out.</summary>
    /// <param name="nanoseconds">−1 = no time-out, 0 = do not wait.</param>
    /// <exception cref="System.Net.Sockets.SocketException">epoll failed; a bug.</exception>
    public int Wait(long nanoseconds)
    {
        int count = nanoseconds > 0 && WaitsNanoseconds ? WaitNanoseconds(nanoseconds) : WaitMilliseconds(nanoseconds);
        if (count >= 0)
        {
            return count;
        }

        return Marshal.GetLastPInvokeError() == Errno.EINTR ? 0 : throw SocketErrors.LastError("epoll_wait");
    }

    /// <summary>Returns an event of the last wait. The next wait overwrites it.</summary>
    public (uint Events, ulong Key) EventAt(int index)
    {
        byte* entry = _events + (index * EpollEventLayout.Current.Size);
        return (*(uint*)entry, *(ulong*)(entry + EpollEventLayout.Current.DataOffset));
    }

    /// <summary>Calls epoll_ctl.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">ENOMEM or ENOSPC: the channel has to close.</exception>
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

    /// <summary>Removes a descriptor before it is closed. An error is ignored, as a close must not fail.</summary>
    public void Remove(int fd)
    {
        ControlCalls++;
        byte* unused = stackalloc byte[16];
        _ = LibC.EpollControl(_epoll, LibC.EPOLL_CTL_DEL, fd, unused);
    }

    /// <summary>Ends the current wait, or the next one. Any thread, until <see cref="Dispose"/>.</summary>
    public void Wake()
    {
        ulong one = 1;
        _ = LibC.Write(_eventFd, &one, sizeof(ulong));
    }

    /// <summary>Closes both descriptors, once. The caller ensures that no <see cref="Wake"/> is running.</summary>
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

    private static int ThrowIfFailed(int descriptor, string operation) =>
        descriptor >= 0 ? descriptor : throw SocketErrors.LastError(operation);

    private int WaitMilliseconds(long nanoseconds)
    {
        int milliseconds = nanoseconds <= 0
            ? (int)nanoseconds
            : (int)Math.Min(int.MaxValue, ((nanoseconds - 1) / NanosecondsPerMillisecond) + 1);
        return LibC.EpollWait(_epoll, _events, MaxEvents, milliseconds);
    }

    private int WaitNanoseconds(long nanoseconds)
    {
        var timeout = new LibC.TimeSpec { Seconds = nanoseconds / NanosecondsPerSecond, Nanoseconds = nanoseconds % NanosecondsPerSecond };
        return LibC.EpollWait2(_epoll, _events, MaxEvents, &timeout, null);
    }

    /// <summary>Returns whether kernel and libc have epoll_pwait2.</summary>
    private bool CanWaitNanoseconds()
    {
        try
        {
            return WaitNanoseconds(0) >= 0 || Marshal.GetLastPInvokeError() is not (Errno.ENOSYS or Errno.EPERM);
        }
        catch (EntryPointNotFoundException)
        {
            // A libc without the function: waits have milliseconds.
            return false;
        }
    }
}
