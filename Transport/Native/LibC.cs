using System.Runtime.InteropServices;

namespace DotNettyFraming.Transport.Native;

/// <summary>The system calls of this transport.</summary>
/// <remarks>
/// All signatures are blittable, so the generated stubs do no marshalling. With <c>SetLastError</c> the stub saves errno, and the
/// caller reads <see cref="Marshal.GetLastPInvokeError"/> immediately. No call has <c>SuppressGCTransition</c>: each can block or
/// copy megabytes, and a garbage collection would have to wait for it.
/// </remarks>
internal static unsafe partial class LibC
{
    public const int AF_UNIX = 1;
    public const int AF_INET = 2;
    public const int AF_INET6 = 10;

    public const int SOCK_STREAM = 1;
    public const int SOCK_NONBLOCK = 0x800;
    public const int SOCK_CLOEXEC = 0x80000;

    public const int SOL_SOCKET = 1;
    public const int SO_REUSEADDR = 2;
    public const int SO_TYPE = 3;
    public const int SO_ERROR = 4;
    public const int SO_SNDBUF = 7;
    public const int SO_RCVBUF = 8;
    public const int SO_KEEPALIVE = 9;
    public const int SO_LINGER = 13;
    public const int SO_REUSEPORT = 15;
    public const int SO_ACCEPTCONN = 30;
    public const int SO_DOMAIN = 39;

    public const int F_SETFD = 2;
    public const int F_GETFL = 3;
    public const int F_SETFL = 4;
    public const int FD_CLOEXEC = 1;
    public const int O_NONBLOCK = 0x800;

    public const int RLIMIT_NOFILE = 7;

    public const int IPPROTO_IP = 0;

    /// <summary>ip(7), Linux 4.2; also for IPv6 sockets, as IPPROTO_IPV6 has no such option.</summary>
    public const int IP_BIND_ADDRESS_NO_PORT = 24;

    public const int IPPROTO_TCP = 6;
    public const int TCP_NODELAY = 1;

    public const int IPPROTO_IPV6 = 41;
    public const int IPV6_V6ONLY = 26;

    public const int MSG_NOSIGNAL = 0x4000;
    public const int SHUT_WR = 1;
    public const uint FIONREAD = 0x541B;

    /// <summary>The kernel's UIO_MAXIOV: sendmsg(2) fails with EMSGSIZE above it.</summary>
    public const int IOV_MAX = 1024;

    public const int EPOLL_CLOEXEC = 0x80000;
    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const int EPOLL_CTL_MOD = 3;

    public const uint EPOLLIN = 0x1;
    public const uint EPOLLOUT = 0x4;
    public const uint EPOLLERR = 0x8;
    public const uint EPOLLHUP = 0x10;
    public const uint EPOLLET = 1u << 31;

    public const int EFD_NONBLOCK = 0x800;
    public const int EFD_CLOEXEC = 0x80000;

    /// <summary>socket(2). EAFNOSUPPORT: no IPv6, the caller falls back to IPv4. EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES: thrown.</summary>
    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int domain, int type, int protocol);

    /// <summary>bind(2). EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL: thrown, the channel closes.</summary>
    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(int fd, byte* address, uint length);

    /// <summary>listen(2). EADDRINUSE (another socket bound with SO_REUSEADDR listens): thrown, the channel closes.</summary>
    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    public static partial int Listen(int fd, int backlog);

    /// <summary>accept4(2). <see cref="Accepting.AcceptOutcome"/> classifies every errno.</summary>
    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    public static partial int Accept4(int fd, byte* address, uint* length, int flags);

    /// <summary>connect(2). EINPROGRESS, EINTR (the same on a non-blocking socket): wait for EPOLLOUT. Others fail the attempt.</summary>
    /// <remarks>EAGAIN: the listener's queue of a Unix socket is full, tried again later.</remarks>
    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    public static partial int Connect(int fd, byte* address, uint length);

    /// <summary>getsockname(2). Failure means no address.</summary>
    [LibraryImport("libc", EntryPoint = "getsockname", SetLastError = true)]
    public static partial int GetSockName(int fd, byte* address, uint* length);

    /// <summary>getpeername(2). ENOTCONN: no address.</summary>
    [LibraryImport("libc", EntryPoint = "getpeername", SetLastError = true)]
    public static partial int GetPeerName(int fd, byte* address, uint* length);

    /// <summary>recv(2). EAGAIN: no bytes; EINTR: again; ECONNRESET, ETIMEDOUT and the like: the connection is lost.</summary>
    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int fd, byte* buffer, nuint length, int flags);

    /// <summary>send(2). EAGAIN: the kernel's buffer is full; EINTR: again; EPIPE, ECONNRESET and all others: writes fail.</summary>
    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int fd, byte* buffer, nuint length, int flags);

    /// <summary>sendmsg(2): writev(2) with flags, for MSG_NOSIGNAL. Errnos as <see cref="Send"/>.</summary>
    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    public static partial nint SendMessage(int fd, MessageHeader* message, int flags);

    /// <summary>shutdown(2). ENOTCONN (the connection is lost): fails the promise.</summary>
    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    public static partial int Shutdown(int fd, int how);

    /// <summary>close(2). Not repeated on EINTR: Linux has released the descriptor, and its number may be in use again.</summary>
    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int fd);

    /// <summary>setsockopt(2). Every errno is thrown as a ChannelException by the configuration.</summary>
    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetSocketOption(int fd, int level, int name, void* value, uint length);

    /// <summary>getsockopt(2). Every errno is thrown as a ChannelException by the configuration.</summary>
    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int GetSocketOption(int fd, int level, int name, void* value, uint* length);

    /// <summary>ioctl(2) for FIONREAD (tcp(7) SIOCINQ). Variadic in C, which makes no difference for one argument here.</summary>
    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int IoControl(int fd, nuint request, int* value);

    /// <summary>fcntl(2) for flags. EBADF: thrown. Variadic, as <see cref="IoControl"/>.</summary>
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int FileControl(int fd, int command, nint argument);

    /// <summary>getrlimit(2). EINVAL, EFAULT: cannot happen; the limit counts as unknown.</summary>
    [LibraryImport("libc", EntryPoint = "getrlimit")]
    public static partial int GetResourceLimit(int resource, ResourceLimit* limit);

    /// <summary>epoll_create1(2). EMFILE, ENFILE, ENOMEM: thrown by the event loop's constructor.</summary>
    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    public static partial int EpollCreate(int flags);

    /// <summary>epoll_ctl(2). ENOMEM and ENOSPC (fs.epoll.max_user_watches): thrown, the channel closes.</summary>
    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    public static partial int EpollControl(int epoll, int operation, int fd, byte* epollEvent);

    /// <summary>epoll_wait(2). EINTR: not restarted by the kernel; the loop computes a new time-out.</summary>
    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    public static partial int EpollWait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds);

    /// <summary>epoll_pwait2(2): epoll_wait with a time-out in nanoseconds (Linux 5.11, glibc 2.35).</summary>
    /// <remarks>
    /// ENOSYS: an older kernel. EPERM: a sandbox that does not know the call. No entry point: an older libc or another one. EINTR as
    /// <see cref="EpollWait"/>.
    /// </remarks>
    [LibraryImport("libc", EntryPoint = "epoll_pwait2", SetLastError = true)]
    public static partial int EpollWait2(int epoll, byte* events, int maxEvents, TimeSpec* timeout, void* signalMask);

    /// <summary>eventfd(2). EMFILE, ENFILE, ENOMEM: thrown by the event loop's constructor.</summary>
    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    public static partial int EventFd(uint initial, int flags);

    /// <summary>write(2) on the eventfd. EAGAIN needs 2^64 unread wake-ups; EINTR does not occur on a non-blocking eventfd.</summary>
    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int fd, ulong* value, nuint length);

    /// <summary>Returns the thread's id (gettid(2)); by syscall(2), as glibc has gettid only since 2.30 and .NET runs on 2.27.</summary>
    public static int GetThreadId() => (int)SystemCall(RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 186 : 178);

    /// <summary>syscall(2) for gettid. Variadic, as <see cref="IoControl"/>.</summary>
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number);

    /// <summary>clock_gettime(2). EINVAL: the thread of this clock has ended.</summary>
    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    public static partial int ClockGetTime(int clock, TimeSpec* time);

    /// <summary>struct rlimit (getrlimit(2)).</summary>
    public struct ResourceLimit
    {
        public ulong Soft;
        public ulong Hard;
    }

    /// <summary>struct iovec (readv(2)).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary>struct msghdr (sendmsg(2)) of a 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct linger (socket(7)).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct LingerOption
    {
        public int OnOff;
        public int Seconds;
    }

    /// <summary>struct timespec (clock_gettime(2), epoll_pwait2(2)) of a 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
