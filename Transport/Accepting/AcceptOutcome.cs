using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.Accepting;

/// <summary>What an errno of accept4(2) means for the listener.</summary>
internal enum AcceptOutcome
{
    /// <summary>Nobody waits (EAGAIN).</summary>
    NobodyWaits,

    /// <summary>
    /// This one connection is lost, a signal came, or nothing that accept(2) names (EINVAL where the socket no longer listens):
    /// go on with the next, a few times. accept(2) says that Linux passes errors of the new connection's network on to accept,
    /// and that they should be treated like EAGAIN by retrying.
    /// </summary>
    TryNext,

    /// <summary>
    /// The system is out of something (descriptors, memory). The connection stays in the backlog, the listener stays readable:
    /// pause, or spin.
    /// </summary>
    Exhausted,
}

/// <summary>Sorts the errnos of accept4(2).</summary>
internal static class AcceptOutcomes
{
    public static AcceptOutcome Of(int errno) => errno switch
    {
        Errno.EAGAIN => AcceptOutcome.NobodyWaits,
        Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM => AcceptOutcome.Exhausted,
        _ => AcceptOutcome.TryNext,
    };
}
