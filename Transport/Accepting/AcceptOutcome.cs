using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.Accepting;

/// <summary>The meaning of an errno of accept4(2) for the listener.</summary>
internal enum AcceptOutcome
{
    /// <summary>The backlog is empty (EAGAIN).</summary>
    NoneWaiting,

    /// <summary>This connection is lost, or a signal came: accept the next one, a few times.</summary>
    /// <remarks>accept(2) says that Linux reports network errors of the new connection here, to be retried like EAGAIN.</remarks>
    TryNext,

    /// <summary>The system is out of descriptors or memory: pause, as the listener stays readable.</summary>
    Exhausted,
}

/// <summary>The classification of accept4(2)'s errnos.</summary>
internal static class AcceptOutcomes
{
    public static AcceptOutcome Of(int errno) => errno switch
    {
        Errno.EAGAIN => AcceptOutcome.NoneWaiting,
        Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM => AcceptOutcome.Exhausted,
        _ => AcceptOutcome.TryNext,
    };
}
