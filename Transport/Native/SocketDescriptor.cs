using System.Net;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DotNettyFraming.Transport.Native;

/// <summary>The owner of a socket's descriptor, closed exactly once.</summary>
/// <remarks>
/// The event loop uses the bare number, as it alone closes. Calls from other threads (options, FIONREAD) borrow the handle here:
/// a close waits for them, so they never reach another socket under a reused number. The finalizer closes a channel that was
/// dropped before it was registered.
/// </remarks>
internal sealed class SocketDescriptor : SafeHandleMinusOneIsInvalid
{
    private SocketDescriptor(int fd, int family)
        : base(ownsHandle: true)
    {
        SetHandle(fd);
        Family = family;
    }

    /// <summary>AF_INET, AF_INET6 or AF_UNIX.</summary>
    public int Family { get; }

    /// <summary>Whether it is a Unix socket, which has no TCP options.</summary>
    public bool IsUnix => Family == LibC.AF_UNIX;

    /// <summary>The bare number, for the thread that closes it; after the close it must not be used.</summary>
    public int Number => (int)handle;

    /// <summary>Opens a stream socket, non-blocking and close-on-exec.</summary>
    /// <param name="family">AF_INET6 is dual-stack, or becomes AF_INET in a kernel without IPv6.</param>
    /// <exception cref="System.Net.Sockets.SocketException">No descriptor or no memory is left.</exception>
    public static SocketDescriptor Open(int family)
    {
        int fd = LibC.Socket(family, LibC.SOCK_STREAM | LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC, protocol: 0);
        if (fd < 0)
        {
            return family == LibC.AF_INET6 && Marshal.GetLastPInvokeError() == Errno.EAFNOSUPPORT
                ? Open(LibC.AF_INET)
                : throw SocketErrors.LastError("socket");
        }

        var descriptor = new SocketDescriptor(fd, family);
        if (family == LibC.AF_INET6)
        {
            // The default of IPV6_V6ONLY is a sysctl (net.ipv6.bindv6only).
            descriptor.SetOption(LibC.IPPROTO_IPV6, LibC.IPV6_V6ONLY, 0);
        }

        return descriptor;
    }

    /// <summary>Takes over a descriptor of accept4.</summary>
    public static SocketDescriptor Adopt(int fd, int family) => new(fd, family);

    /// <summary>Takes over a listening TCP or Unix socket and makes it non-blocking and close-on-exec.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">Another kind of socket, or not listening; the caller still owns it.</exception>
    public static SocketDescriptor AdoptListening(int fd)
    {
        int family = OptionOf(fd, LibC.SO_DOMAIN);
        if (family is not (LibC.AF_INET or LibC.AF_INET6 or LibC.AF_UNIX) || OptionOf(fd, LibC.SO_TYPE) != LibC.SOCK_STREAM)
        {
            throw SocketErrors.ToException(Errno.EAFNOSUPPORT, $"descriptor {fd} is neither a TCP nor a Unix stream socket");
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

        TurnLingerOff(fd);
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

    /// <summary>The seconds of SO_LINGER; −1 = off. Any thread.</summary>
    /// <exception cref="ObjectDisposedException">The socket is closed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Above 0: close(2) would block the loop, even on a non-blocking socket.</exception>
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

    /// <summary>The unread bytes in the kernel (FIONREAD); 0 when the socket is closed. Any thread.</summary>
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
                // Another thread cannot know that the socket is closed.
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

    /// <summary>The local address; <c>null</c> if not bound, bound to any address and port 0, unnamed, or closed. Any thread.</summary>
    public EndPoint? LocalAddress
    {
        get
        {
            EndPoint? local = Address(ofPeer: false);

            // Any address and port 0 is the kernel's answer for an unbound socket.
            return local is IPEndPoint { Port: 0 } ip && (ip.Address.Equals(IPAddress.IPv6Any) || ip.Address.Equals(IPAddress.Any))
                ? null
                : local;
        }
    }

    /// <summary>The peer's address; <c>null</c> if not connected, unnamed, or closed. Any thread.</summary>
    public EndPoint? RemoteAddress => Address(ofPeer: true);

    /// <summary>Binds the socket (bind(2)). The thread that closes it.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The address is in use, not local, or similar.</exception>
    public unsafe void Bind(EndPoint address)
    {
        byte* bytes = stackalloc byte[NativeSocketAddress.MaxLength];
        int length = NativeSocketAddress.Encode(address, Family, new Span<byte>(bytes, NativeSocketAddress.MaxLength));
        if (LibC.Bind(Number, bytes, (uint)length) < 0)
        {
            throw SocketErrors.LastError("bind");
        }
    }

    /// <summary>Starts to connect (connect(2)); returns 0 or the errno. The thread that closes it.</summary>
    public unsafe int Connect(EndPoint address)
    {
        byte* bytes = stackalloc byte[NativeSocketAddress.MaxLength];
        int length = NativeSocketAddress.Encode(address, Family, new Span<byte>(bytes, NativeSocketAddress.MaxLength));
        return LibC.Connect(Number, bytes, (uint)length) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <inheritdoc />
    protected override bool ReleaseHandle()
    {
        // Also after EINTR and EIO the descriptor is released; a second close could hit a reused number.
        _ = LibC.Close((int)handle);
        return true;
    }

    /// <summary>Turns SO_LINGER off: accepted sockets inherit it, and their close would block the loop.</summary>
    private static unsafe void TurnLingerOff(int fd)
    {
        var off = default(LibC.LingerOption);
        _ = LibC.SetSocketOption(fd, LibC.SOL_SOCKET, LibC.SO_LINGER, &off, (uint)sizeof(LibC.LingerOption));
    }

    // For a descriptor that is not owned yet, so that a failure does not close it.
    private static unsafe int OptionOf(int fd, int name)
    {
        int value = 0;
        uint length = sizeof(int);
        return LibC.GetSocketOption(fd, LibC.SOL_SOCKET, name, &value, &length) < 0 ? throw SocketErrors.LastError("getsockopt") : value;
    }

    private unsafe EndPoint? Address(bool ofPeer)
    {
        bool borrowed = false;
        try
        {
            DangerousAddRef(ref borrowed);
            byte* bytes = stackalloc byte[NativeSocketAddress.MaxLength];
            uint length = NativeSocketAddress.MaxLength;
            int result = ofPeer ? LibC.GetPeerName(Number, bytes, &length) : LibC.GetSockName(Number, bytes, &length);
            return result < 0 ? null : NativeSocketAddress.Decode(new ReadOnlySpan<byte>(bytes, (int)length));
        }
        catch (ObjectDisposedException)
        {
            // DotNetty's contract for a closed channel.
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
