using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.Accepting;

/// <summary>Keeps a few descriptors below the process's limit out of the reach of accept.</summary>
/// <remarks>
/// Connections may not use up the last descriptor, for the runtime needs one now and then: with none left, an assembly that is needed for
/// the first time fails to load and stays failed, and a thread that cannot start ends the process. The kernel gives out the lowest
/// free number, so a number at the mark says that the rest is used. Threads: the listener's loop.
/// </remarks>
internal sealed class DescriptorReserve
{
    private const int Most = 64;
    private const int Least = 8;

    private ulong _mark = Mark();

    /// <summary>
    /// Whether the last descriptor given out reached the reserve, so that nothing more may be accepted now; at the beginning it may
    /// be.
    /// </summary>
    public bool IsReached { get; private set; } = true;

    /// <summary>How many descriptors are kept under a limit.</summary>
    /// <param name="limit">The limit of open files.</param>
    public static int Of(ulong limit) => (int)Math.Clamp(limit / 32, Least, Most);

    /// <summary>Accept has given out a descriptor.</summary>
    public void Given(int number) => IsReached = (ulong)number >= _mark;

    /// <summary>Accept had none to give.</summary>
    public void Exhausted() => IsReached = true;

    /// <summary>
    /// Whether a connection may be accepted. No system call unless the reserve was reached; then a try, with the limit read anew.
    /// </summary>
    public bool HasRoom()
    {
        if (!IsReached)
        {
            return true;
        }

        _mark = Mark();
        int probe = LibC.EventFd(0, LibC.EFD_CLOEXEC);
        if (probe >= 0)
        {
            _ = LibC.Close(probe);
            IsReached = (ulong)probe >= _mark;
        }

        return !IsReached;
    }

    private static unsafe ulong Mark()
    {
        LibC.ResourceLimit limit;
        return LibC.GetResourceLimit(LibC.RLIMIT_NOFILE, &limit) < 0 || limit.Soft <= (ulong)Of(limit.Soft)
            ? ulong.MaxValue
            : limit.Soft - (ulong)Of(limit.Soft);
    }
}
