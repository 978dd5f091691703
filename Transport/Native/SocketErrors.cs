using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Transport.Native;

/// <summary>The conversion of an errno to a <see cref="SocketException"/>.</summary>
/// <remarks>An errno that a peer can cause goes down the pipeline and is not thrown. A refusal to the caller (port in use) is.</remarks>
internal static class SocketErrors
{
    /// <summary>The shared exception of all resets, so that resets do not allocate. It is never thrown.</summary>
    public static readonly SocketException ConnectionReset = new((int)SocketError.ConnectionReset);

    /// <summary>Returns the exception for an errno; the shared one for ECONNRESET.</summary>
    public static SocketException ToException(int errno) =>
        errno == Errno.ECONNRESET ? ConnectionReset : ToException(errno, operation: null);

    /// <summary>Returns the pipeline's exception for a lost connection.</summary>
    /// <returns>
    /// A <see cref="SocketException"/> if a peer or the network can cause the errno; otherwise a <see cref="ChannelException"/>.
    /// </returns>
    public static Exception OfConnection(int errno)
    {
        SocketException e = ToException(errno);
        return IsOfPeerOrNetwork(errno) ? e : new ChannelException(e.Message, e);
    }

    /// <summary>Returns whether a peer or the network can cause the errno, by TCP or ICMP.</summary>
    public static bool IsOfPeerOrNetwork(int errno) => errno is Errno.ECONNRESET or Errno.EPIPE or Errno.ETIMEDOUT
        or Errno.ECONNREFUSED or Errno.ECONNABORTED or Errno.EHOSTUNREACH or Errno.EHOSTDOWN or Errno.ENETUNREACH
        or Errno.ENETDOWN or Errno.ENONET or Errno.EPROTO or Errno.ENOPROTOOPT or Errno.EOPNOTSUPP or Errno.EACCES;

    /// <summary>Returns the exception for an errno, with the name of the failed call.</summary>
    public static SocketException ToException(int errno, string? operation)
    {
        string message = Marshal.GetPInvokeErrorMessage(errno);
        return new SocketException((int)ToSocketError(errno), operation is null ? message : $"{operation}: {message}");
    }

    /// <summary>Returns the exception for the errno of the last call on this thread.</summary>
    /// <param name="operation">The call's name. A constant, as formatting a text could overwrite the errno.</param>
    public static SocketException LastError(string operation) => ToException(Marshal.GetLastPInvokeError(), operation);

    /// <summary>Returns .NET's name for an errno; <see cref="SocketError.SocketError"/> (unspecified) for the rare ones.</summary>
    public static SocketError ToSocketError(int errno) => errno switch
    {
        0 => SocketError.Success,
        Errno.EPERM or Errno.EACCES => SocketError.AccessDenied,
        Errno.EINTR => SocketError.Interrupted,
        Errno.EBADF => SocketError.OperationAborted,
        Errno.EAGAIN => SocketError.WouldBlock,
        Errno.ENOMEM or Errno.ENOBUFS or Errno.ENOSPC => SocketError.NoBufferSpaceAvailable,
        Errno.EINVAL => SocketError.InvalidArgument,
        Errno.ENFILE or Errno.EMFILE => SocketError.TooManyOpenSockets,
        Errno.EPIPE => SocketError.Shutdown,
        Errno.ENOTSOCK => SocketError.NotSocket,
        Errno.ENOPROTOOPT => SocketError.ProtocolOption,
        Errno.EOPNOTSUPP => SocketError.OperationNotSupported,
        Errno.EAFNOSUPPORT => SocketError.AddressFamilyNotSupported,
        Errno.EADDRINUSE => SocketError.AddressAlreadyInUse,
        Errno.EADDRNOTAVAIL or Errno.ENOENT => SocketError.AddressNotAvailable, // ENOENT: no such Unix socket
        Errno.ENETDOWN => SocketError.NetworkDown,
        Errno.ENETUNREACH => SocketError.NetworkUnreachable,
        Errno.ECONNABORTED => SocketError.ConnectionAborted,
        Errno.ECONNRESET => SocketError.ConnectionReset,
        Errno.EISCONN => SocketError.IsConnected,
        Errno.ENOTCONN => SocketError.NotConnected,
        Errno.ETIMEDOUT => SocketError.TimedOut,
        Errno.ECONNREFUSED => SocketError.ConnectionRefused,
        Errno.EHOSTDOWN => SocketError.HostDown,
        Errno.EHOSTUNREACH => SocketError.HostUnreachable,
        Errno.EALREADY => SocketError.AlreadyInProgress,
        Errno.EINPROGRESS => SocketError.InProgress,
        _ => SocketError.SocketError,
    };

    /// <summary>Returns the symbol for logs and metrics (<c>EMFILE</c>), or the number if it has no name here.</summary>
    public static string Name(int errno) => errno switch
    {
        Errno.EPERM => nameof(Errno.EPERM),
        Errno.EINTR => nameof(Errno.EINTR),
        Errno.EBADF => nameof(Errno.EBADF),
        Errno.ENOMEM => nameof(Errno.ENOMEM),
        Errno.EINVAL => nameof(Errno.EINVAL),
        Errno.ENFILE => nameof(Errno.ENFILE),
        Errno.EMFILE => nameof(Errno.EMFILE),
        Errno.ENONET => nameof(Errno.ENONET),
        Errno.EPROTO => nameof(Errno.EPROTO),
        Errno.ENOTSOCK => nameof(Errno.ENOTSOCK),
        Errno.ENOPROTOOPT => nameof(Errno.ENOPROTOOPT),
        Errno.EOPNOTSUPP => nameof(Errno.EOPNOTSUPP),
        Errno.ENETDOWN => nameof(Errno.ENETDOWN),
        Errno.ENETUNREACH => nameof(Errno.ENETUNREACH),
        Errno.ECONNABORTED => nameof(Errno.ECONNABORTED),
        Errno.ENOBUFS => nameof(Errno.ENOBUFS),
        Errno.ETIMEDOUT => nameof(Errno.ETIMEDOUT),
        Errno.EHOSTDOWN => nameof(Errno.EHOSTDOWN),
        Errno.EHOSTUNREACH => nameof(Errno.EHOSTUNREACH),
        _ => errno.ToString(CultureInfo.InvariantCulture),
    };
}
