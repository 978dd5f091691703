using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DotNettyFraming.Benchmarks.Interop;

/// <summary>System calls of the floors and the load generator; x86-64 and arm64 Linux.</summary>
/// <remarks>All signatures are blittable: a call costs as much as in C plus a transition of a few nanoseconds.</remarks>
internal static unsafe partial class Libc
{
    public const int EpollCloseOnExec = 0x80000;
    public const int EpollControlAdd = 1;
    public const uint EpollIn = 0x001;
    public const uint EpollOut = 0x004;
    public const int SocketNonBlocking = 0x800;
    public const int SocketCloseOnExec = 0x80000;

    /// <summary>EPIPE without SIGPIPE after the peer's close.</summary>
    public const int NoSignal = 0x4000;

    public const int SigTerm = 15;
    public const int Interrupted = 4; // EINTR
    public const int TryAgain = 11; // EAGAIN

    private const string Library = "libc";

    /// <summary>The size of <c>struct epoll_event</c>, which is packed on x86-64 only.</summary>
    public static readonly int EpollEventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private static readonly int EpollDataOffset = EpollEventSize - 8;

    /// <summary>Returns an event's descriptor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DescriptorOf(byte* events, int index) => *(int*)(events + (index * EpollEventSize) + EpollDataOffset);

    /// <summary>Adds a descriptor to an epoll instance, level-triggered; returns 0, or −1 with errno.</summary>
    public static int EpollAdd(int epoll, int descriptor, uint events)
    {
        byte* epollEvent = stackalloc byte[16];
        *(uint*)epollEvent = events;
        *(long*)(epollEvent + EpollDataOffset) = descriptor;
        return EpollControl(epoll, EpollControlAdd, descriptor, epollEvent);
    }

    /// <summary>epoll_create1(2).</summary>
    [LibraryImport(Library, EntryPoint = "epoll_create1", SetLastError = true)]
    public static partial int EpollCreate(int flags);

    /// <summary>epoll_wait(2); EINTR: call again.</summary>
    [LibraryImport(Library, EntryPoint = "epoll_wait", SetLastError = true)]
    public static partial int EpollWait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds);

    /// <summary>accept4(2); EINTR and ECONNABORTED: call again.</summary>
    [LibraryImport(Library, EntryPoint = "accept4", SetLastError = true)]
    public static partial int Accept(int listener, byte* address, int* addressLength, int flags);

    /// <summary>recv(2); EAGAIN: wait again; any other error: the connection has ended.</summary>
    [LibraryImport(Library, EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int socket, byte* buffer, nuint length, int flags);

    /// <summary>send(2); EINTR: call again; EAGAIN: no room, or on a blocking socket the send time-out.</summary>
    [LibraryImport(Library, EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int socket, byte* buffer, nuint length, int flags);

    /// <summary>close(2); not repeated on EINTR: the descriptor is free already.</summary>
    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    /// <summary>clock_gettime(2), for the CPU clock of another process; EINVAL: no such process.</summary>
    [LibraryImport(Library, EntryPoint = "clock_gettime", SetLastError = true)]
    public static partial int ClockGetTime(int clock, TimeSpecification* time);

    /// <summary>clock_nanosleep(2) with TIMER_ABSTIME; returns errno; EINTR: call again.</summary>
    [LibraryImport(Library, EntryPoint = "clock_nanosleep")]
    public static partial int ClockSleep(int clock, int flags, TimeSpecification* until, TimeSpecification* remaining);

    /// <summary>kill(2).</summary>
    [LibraryImport(Library, EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int process, int signal);

    /// <summary>prctl(2).</summary>
    [LibraryImport(Library, EntryPoint = "prctl", SetLastError = true)]
    public static partial int ProcessControl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport(Library, EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(int epoll, int operation, int descriptor, byte* epollEvent);

    /// <summary><c>struct timespec</c> on 64-bit machines.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TimeSpecification
    {
        private const long NanosecondsPerSecond = 1_000_000_000;

        private long _seconds;
        private long _nanoseconds;

        /// <summary>The time in nanoseconds.</summary>
        public long Nanoseconds
        {
            readonly get => (_seconds * NanosecondsPerSecond) + _nanoseconds;
            set => (_seconds, _nanoseconds) = Math.DivRem(value, NanosecondsPerSecond);
        }
    }
}
