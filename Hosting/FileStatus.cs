using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DotNettyFraming.Hosting;

/// <summary>Fields of statx(2), which has the same layout on every architecture. Linux only.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal partial struct FileStatus
{
    [FieldOffset(20)]
    public uint User;

    [FieldOffset(24)]
    public uint Group;

    [FieldOffset(28)]
    public ushort Mode;

    [FieldOffset(32)]
    public ulong Inode;

    [FieldOffset(136)]
    public long Device; // major and minor number

    private const int TypeMask = 0xF000, SocketType = 0xC000; // S_IFMT, S_IFSOCK

    private const uint BasicStatus = 0x7ff; // STATX_BASIC_STATS

    public readonly bool IsSocket => (Mode & TypeMask) == SocketType;

    /// <summary>Returns null if the file does not exist, on another system, and with a C library before the call (glibc 2.28).</summary>
    public static FileStatus? Of(string path, bool followLinks)
    {
        const int CurrentDirectory = -100, NoFollow = 0x100; // AT_FDCWD, AT_SYMLINK_NOFOLLOW
        using var here = new SafeFileHandle(CurrentDirectory, ownsHandle: false);
        return Of(here, path, followLinks ? 0 : NoFollow);
    }

    public static FileStatus? Of(SafeFileHandle file)
    {
        const int EmptyPath = 0x1000; // AT_EMPTY_PATH
        return Of(file, "", EmptyPath);
    }

    private static FileStatus? Of(SafeFileHandle directory, string path, int flags)
    {
        try
        {
            return OperatingSystem.IsLinux() && StatX(directory, path, flags, BasicStatus, out FileStatus status) == 0 ? status : null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(SafeFileHandle directory, string path, int flags, uint mask, out FileStatus status);
}
