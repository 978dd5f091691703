using System.Net;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DotNettyFraming.Transport.Native;

/// <summary>
/// Owns one socket's descriptor and closes it exactly once.
/// </summary>
/// <remarks>
/// The event loop uses the bare number, as it alone closes. Everything that may run on another thread (options,
/// FIONREAD) goes through the methods here, which borrow the handle: a close in between waits for them, so that they
/// can never meet another socket under a number used again. A channel that was dropped before it was registered is
/// closed by the finalizer.
/// </remarks>
internal sealed class SocketDescriptor : SafeHandleMinusOneIsInvalid
{
    private SocketDescriptor(int fd, int family)
        : base(ownsHandle: true)
    {
        SetHandle(fd);
        Family = family;
    }

    /// <summary>AF_INET or AF_INET6.</summary>
    public int Family { get; }

    /// <summary>The bare number, for the thread that closes it. −1 is never returned: after close it is the old number, which nobody may use.</summary>
    public int Number => (int)handle;

    /// <summary>A new TCP socket, non-blocking and closed on exec; dual-stack where it is IPv6.</summary>
    /// <param name="family">AF_INET6, which falls back to AF_INET in a kernel without IPv6, or AF_INET.</param>
    /// <exception cref="System.Net.Sockets.SocketException">No descriptor or no memory left.</exception>
    public static SocketDescriptor Open(int family)
    {
        int fd = LibC.Socket(family, LibC.SOCK_STREAM | LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC, LibC.IPPROTO_TCP);
        if (fd < 0)
        {
            return family == LibC.AF_INET6 && Marshal.GetLastPInvokeError() == Errno.EAFNOSUPPORT
                ? Open(LibC.AF_INET)
                : throw SocketErrors.LastError("socket");
        }

        var descriptor = new SocketDescriptor(fd, family);
        if (family == LibC.AF_INET6)
        {
            // The default of IPV6_V6ONLY is a sysctl (net.ipv6.bindv6only); dual-stack is our promise, so it is asked for.
            descriptor.SetOption(LibC.IPPROTO_IPV6, LibC.IPV6_V6ONLY, 0);
        }

        return descriptor;
    }

    /// <summary>Takes over a descriptor that accept4 returned.</summary>
    public static SocketDescriptor Adopt(int fd, int family) => new(fd, family);

    /// <summary>Takes over a listening TCP socket from outside, and makes it what <see cref="Open"/> would have made: non-blocking and closed on exec.</summary>
    /// <param name="fd">Its number; owned from here on where this succeeds.</param>
    /// <exception cref="System.Net.Sockets.SocketException">It is no descriptor, no socket, not TCP over IPv4 or IPv6, or does not listen.</exception>
    public static SocketDescriptor AdoptListening(int fd)
    {
        int family = OptionOf(fd, LibC.SO_DOMAIN);
        if (family is not (LibC.AF_INET or LibC.AF_INET6) || OptionOf(fd, LibC.SO_TYPE) != LibC.SOCK_STREAM)
        {
            throw SocketErrors.ToException(Errno.EAFNOSUPPORT, $"descriptor {fd} is not a TCP socket");
        }

        if (OptionOf(fd, LibC.SO_ACCEPTCONN) == 0)
        {
            throw SocketErrors.ToException(Errno.EINVAL, $"descriptor {fd} does not listen");
        }

        int flags = LibC.FileControl(fd, LibC.F_GETFL, 0);
        if (flags < 0
            || LibC.FileControl(fd, LibC.F_SETFL, flags | LibC.O_NONBLOCK) < 0
            || LibC.FileControl(fd, LibC.F_SETFD, LibC.FD_CLOEXEC) < 0)
        {
            throw SocketErrors.LastError("fcntl");
        }

        LingerNot(fd);
        return new SocketDescriptor(fd, family);
    }

    /// <summary>Reads an integer option. Any thread.</summary>
    /// <exception cref="ObjectDisposedException">The socket is closed.</exception>
    public unsafe int GetOption(int level, int name)
    {
        int value = 0;
        uint length = sizeof(int);
        GetOption(level, name, &value, &length);
        return value;
    }

    /// <summary>Sets an integer option. Any thread.</summary>
    /// <exception cref="ObjectDisposedException">The socket is closed.</exception>
    public unsafe void SetOption(int level, int name, int value) => SetOption(level, name, &value, sizeof(int));

    /// <summary>Seconds of SO_LINGER; −1 = off. Any thread.</summary>
    /// <exception cref="ObjectDisposedException">The socket is closed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// Above 0: close(2) would wait for the peer, even on a non-blocking socket, and every channel of the loop with it.
    /// </exception>
    public unsafe int Linger
    {
        get
        {
            var value = default(LibC.LingerOption);
            uint length = (uint)sizeof(LibC.LingerOption);
            GetOption(LibC.SOL_SOCKET, LibC.SO_LINGER, &value, &length);
            return value.OnOff == 0 ? -1 : value.Seconds;
        }

        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 0);
            var option = new LibC.LingerOption { OnOff = value < 0 ? 0 : 1 };
            SetOption(LibC.SOL_SOCKET, LibC.SO_LINGER, &option, (uint)sizeof(LibC.LingerOption));
        }
    }

    /// <summary>Bytes that have arrived and were not received yet (FIONREAD); 0 when the socket is closed. Any thread.</summary>
    public unsafe int AvailableBytes
    {
        get
        {
            bool borrowed = false;
            try
            {
                DangerousAddRef(ref borrowed);
                int available = 0;
                return LibC.IoControl(Number, LibC.FIONREAD, &available) < 0 ? 0 : available;
            }
            catch (ObjectDisposedException)
            {
                // A closed socket has nothing to read; callers ask from other threads and cannot know.
                return 0;
            }
            finally
            {
                if (borrowed)
                {
                    DangerousRelease();
                }
            }
        }
    }

    /// <summary>The local address, or <c>null</c> when there is none: not bound, bound to any address and no port yet, or closed. Any thread.</summary>
    public unsafe EndPoint? LocalAddress
    {
        get
        {
            bool borrowed = false;
            try
            {
                DangerousAddRef(ref borrowed);
                var address = default(NativeSocketAddress);
                uint length = NativeSocketAddress.Capacity;
                EndPoint? local = LibC.GetSockName(Number, (byte*)&address, &length) < 0 ? null : address.Decode();

                // The kernel's answer for a socket that is not bound.
                return local is IPEndPoint { Port: 0 } ip && (ip.Address.Equals(IPAddress.IPv6Any) || ip.Address.Equals(IPAddress.Any)) ? null : local;
            }
            catch (ObjectDisposedException)
            {
                // DotNetty's contract: no address, not an exception, once the channel is closed.
                return null;
            }
            finally
            {
                if (borrowed)
                {
                    DangerousRelease();
                }
            }
        }
    }

    /// <inheritdoc />
    protected override bool ReleaseHandle()
    {
        // EINTR and EIO included, the descriptor is gone; a second close could hit a number that is in use again.
        _ = LibC.Close((int)handle);
        return true;
    }

    /// <summary>Turns SO_LINGER off, as accepted sockets inherit it and their close would block the loop. A failure changes nothing.</summary>
    private static unsafe void LingerNot(int fd)
    {
        var off = default(LibC.LingerOption);
        _ = LibC.SetSocketOption(fd, LibC.SOL_SOCKET, LibC.SO_LINGER, &off, (uint)sizeof(LibC.LingerOption));
    }

    // Of a number that is not ours yet, so that a failure does not close what belongs to somebody else.
    private static unsafe int OptionOf(int fd, int name)
    {
        int value = 0;
        uint length = sizeof(int);
        return LibC.GetSocketOption(fd, LibC.SOL_SOCKET, name, &value, &length) < 0 ? throw SocketErrors.LastError("getsockopt") : value;
    }

    private unsafe void GetOption(int level, int name, void* value, uint* length)
    {
        bool borrowed = false;
        try
        {
            DangerousAddRef(ref borrowed);
            if (LibC.GetSocketOption(Number, level, name, value, length) < 0)
            {
                throw SocketErrors.LastError("getsockopt");
            }
        }
        finally
        {
            if (borrowed)
            {
                DangerousRelease();
            }
        }
    }

    private unsafe void SetOption(int level, int name, void* value, uint length)
    {
        bool borrowed = false;
        try
        {
            DangerousAddRef(ref borrowed);
            if (LibC.SetSocketOption(Number, level, name, value, length) < 0)
            {
                throw SocketErrors.LastError("setsockopt");
            }
        }
        finally
        {
            if (borrowed)
            {
                DangerousRelease();
            }
        }
    }
}
