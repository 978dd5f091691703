using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.Accepting;

/// <summary>What an errno of accept4(2) means for the listener.</summary>
internal enum AcceptOutcome
{
    /// <summary>Nobody waits (EAGAIN).</summary>
    NobodyWaits,

    /// <summary>
    /// This one connection is lost, or a signal came: go on with the next. accept(2) says that Linux passes errors of
    /// the new connection's network on to accept, and that they should be treated like EAGAIN by retrying.
    /// </summary>
    TryNext,

    /// <summary>The system is out of something (descriptors, memory). The connection stays in the backlog, the listener stays readable: pause, or spin.</summary>
    Exhausted,

    /// <summary>The listener itself is broken (EBADF, EINVAL, ENOTSOCK ...): a bug, told down the pipeline.</summary>
    Broken,
}

/// <summary>Sorts the errnos of accept4(2).</summary>
internal static class AcceptOutcomes
{
    public static AcceptOutcome Of(int errno) => errno switch
    {
        Errno.EAGAIN => AcceptOutcome.NobodyWaits,
        Errno.EINTR or Errno.ECONNABORTED or Errno.EPROTO or Errno.EPERM or Errno.ETIMEDOUT
            or Errno.ENETDOWN or Errno.ENETUNREACH or Errno.EHOSTDOWN or Errno.EHOSTUNREACH
            or Errno.ENONET or Errno.ENOPROTOOPT or Errno.EOPNOTSUPP => AcceptOutcome.TryNext,
        Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM => AcceptOutcome.Exhausted,
        _ => AcceptOutcome.Broken,
    };
}
