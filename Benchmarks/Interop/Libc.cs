using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DotNettyFraming.Benchmarks.Interop;

/// <summary>The system calls that the floors and the load generator are made of; x86-64 and arm64 Linux.</summary>
/// <remarks>Blittable, so that a call costs what it costs in C plus the runtime's transition of a few nanoseconds.</remarks>
internal static unsafe partial class Libc
{
    public const int EpollCloseOnExec = 0x80000;
    public const int EpollControlAdd = 1;
    public const uint EpollIn = 0x001;
    public const uint EpollOut = 0x004;
    public const int SocketNonBlocking = 0x800;
    public const int SocketCloseOnExec = 0x80000;

    /// <summary>No SIGPIPE where the peer is gone: EPIPE is enough.</summary>
    public const int NoSignal = 0x4000;

    public const int SigTerm = 15;
    public const int Interrupted = 4; // EINTR
    public const int TryAgain = 11; // EAGAIN

    private const string Library = "libc";

    /// <summary>Bytes from one <c>struct epoll_event</c> to the next: packed on x86-64 only.</summary>
    public static readonly int EpollEventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private static readonly int EpollDataOffset = EpollEventSize - 8;

    /// <summary>The descriptor that an event is about.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DescriptorOf(byte* events, int index) => *(int*)(events + (index * EpollEventSize) + EpollDataOffset);

    /// <summary>Adds a descriptor to an epoll instance, level-triggered.</summary>
    /// <param name="epoll">The instance.</param>
    /// <param name="descriptor">What to watch; comes back with each event.</param>
    /// <param name="events">What for: <see cref="EpollIn"/>, <see cref="EpollOut"/>.</param>
    /// <returns>0, or −1 with errno.</returns>
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

    /// <summary>recv(2); EAGAIN: wait again; any other error: the peer is gone.</summary>
    [LibraryImport(Library, EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int socket, byte* buffer, nuint length, int flags);

    /// <summary>send(2); EINTR: call again; EAGAIN: no room; on a blocking socket: its send time-out has passed.</summary>
    [LibraryImport(Library, EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int socket, byte* buffer, nuint length, int flags);

    /// <summary>close(2); never called again on EINTR: the descriptor is free by then.</summary>
    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    /// <summary>clock_gettime(2), here for the CPU clock of another process; EINVAL: it does not exist.</summary>
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
        private const long NanosecondsASecond = 1_000_000_000;

        private long _seconds;
        private long _nanoseconds;

        /// <summary>The time in nanoseconds.</summary>
        public long Nanoseconds
        {
            readonly get => (_seconds * NanosecondsASecond) + _nanoseconds;
            set => (_seconds, _nanoseconds) = Math.DivRem(value, NanosecondsASecond);
        }
    }
}
