using System.Runtime.InteropServices;

namespace DotNettyFraming.Transport.Native;

/// <summary>
/// The layout of <c>struct epoll_event</c>: packed on x86-64 (<c>EPOLL_PACKED</c> in <c>uapi/linux/eventpoll.h</c>).
/// <code>
/// x86-64   events u32 | data u64            12 bytes
/// others   events u32 | 4 unused | data u64 16 bytes
/// </code>
/// A wrong layout would not fail: it would give one connection's events to another.
/// </summary>
/// <param name="Size">Bytes from one event of an array to the next.</param>
/// <param name="DataOffset">Offset of the 64 bits that epoll returns unchanged.</param>
internal readonly record struct EpollEventLayout(int Size, int DataOffset)
{
    /// <summary>The layout of this process. Static and read-only, so that the JIT sees constants.</summary>
    public static readonly EpollEventLayout Current = For(RuntimeInformation.ProcessArchitecture);

    public static EpollEventLayout For(Architecture architecture) =>
        architecture == Architecture.X64 ? new(Size: 12, DataOffset: 4) : new(Size: 16, DataOffset: 8);
}
