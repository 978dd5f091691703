using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.Accepting;

/// <summary>A few descriptors below the process's limit that accept does not use.</summary>
/// <remarks>
/// The runtime needs a descriptor now and then. With none left, an assembly that is loaded for the first time fails and stays
/// failed, and a thread that cannot start ends the process. The kernel gives out the lowest free number, so a number at the
/// mark means that all below it are used. Threads: the listener's loop.
/// </remarks>
internal sealed class DescriptorReserve
{
    private const int MaxReserved = 64;
    private const int MinReserved = 8;

    private ulong _mark = Mark();

    /// <summary>Whether the last descriptor reached the reserve; also true at the start, so that the first accept probes.</summary>
    public bool IsReached { get; private set; } = true;

    /// <summary>Returns the number of reserved descriptors for a limit of open files.</summary>
    public static int Of(ulong limit) => (int)Math.Clamp(limit / 32, MinReserved, MaxReserved);

    /// <summary>Notes the descriptor that accept has returned.</summary>
    public void Given(int number) => IsReached = (ulong)number >= _mark;

    /// <summary>Notes that accept failed for want of a descriptor.</summary>
    public void Exhausted() => IsReached = true;

    /// <summary>Returns whether a connection may be accepted. Once the reserve was reached it reads the limit again and probes.</summary>
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
