using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Transport.Native;

/// <summary>
/// errno to <see cref="SocketException"/>. What a peer can cause is handed down the pipeline as such an exception
/// object, never thrown; what the operating system refuses to our own caller (a port in use) is thrown.
/// </summary>
internal static class SocketErrors
{
    /// <summary>
    /// The one exception for every reset, so that peers who reset cannot make us allocate. It has no stack trace,
    /// as nobody throws it.
    /// </summary>
    public static readonly SocketException ConnectionReset = new((int)SocketError.ConnectionReset);

    /// <summary>The exception for an errno; the shared one for ECONNRESET.</summary>
    public static SocketException ToException(int errno) =>
        errno == Errno.ECONNRESET ? ConnectionReset : ToException(errno, operation: null);

    /// <summary>The exception for a connection that is lost, for the pipeline.</summary>
    /// <returns>A <see cref="SocketException"/> if a peer or the network can cause the errno; a <see cref="ChannelException"/> around one if not.</returns>
    public static Exception OfConnection(int errno)
    {
        SocketException e = ToException(errno);
        return IsOfPeerOrNetwork(errno) ? e : new ChannelException(e.Message, e);
    }

    /// <summary>Whether a peer or the network can make a connection's calls fail with the errno: what TCP and ICMP turn into one.</summary>
    public static bool IsOfPeerOrNetwork(int errno) => errno is Errno.ECONNRESET or Errno.EPIPE or Errno.ETIMEDOUT or Errno.ECONNREFUSED
        or Errno.ECONNABORTED or Errno.EHOSTUNREACH or Errno.EHOSTDOWN or Errno.ENETUNREACH or Errno.ENETDOWN or Errno.ENONET
        or Errno.EPROTO or Errno.ENOPROTOOPT or Errno.EOPNOTSUPP or Errno.EACCES;

    /// <summary>The exception for an errno, naming the call that gave it.</summary>
    public static SocketException ToException(int errno, string? operation)
    {
        string message = Marshal.GetPInvokeErrorMessage(errno);
        return new SocketException((int)ToSocketError(errno), operation is null ? message : $"{operation}: {message}");
    }

    /// <summary>The exception for the errno that the last call left on this thread.</summary>
    /// <param name="operation">The call's name: a constant, as making a text first could overwrite the errno (an IPEndPoint's does).</param>
    public static SocketException LastError(string operation) => ToException(Marshal.GetLastPInvokeError(), operation);

    /// <summary>.NET's name for an errno; <see cref="SocketError.SocketError"/> (unspecified) for the rare ones.</summary>
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
        Errno.EADDRNOTAVAIL => SocketError.AddressNotAvailable,
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

    /// <summary>The symbol for a log line or a metric's label (<c>EMFILE</c>); the number where there is no name here.</summary>
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
