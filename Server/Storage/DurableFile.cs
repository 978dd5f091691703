using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DotNettyFraming.Server.Storage;

/// <summary>Files that are on the disk when a call returns.</summary>
/// <remarks><c>FileStream.Flush(true)</c> ignores errors of fsync on Linux (.NET 10.0.12), so these call it themselves.</remarks>
internal static class DurableFile
{
    /// <summary>Replaces a file's contents, so that a crash leaves the old ones or the new ones.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> contents)
    {
        string next = path + ".new";
        try
        {
            using (SafeFileHandle file = File.OpenHandle(next, FileMode.Create, FileAccess.Write))
            {
                RandomAccess.Write(file, contents, 0);
                Sync(file, next);
            }

            File.Move(next, path, overwrite: true);
        }
        catch (IOException e)
        {
            const int enospc = 28, edquot = 122;
            throw new StoreException($"{path}: {e.Message}", e.HResult is enospc or edquot ? StoreFault.NoSpace : StoreFault.Final, e);
        }

        SyncDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Makes the names in a directory durable.</summary>
    public static void SyncDirectory(string path)
    {
        using SafeFileHandle directory = OpenDirectory(path, 0x80000 /* O_RDONLY | O_CLOEXEC */);
        if (directory.IsInvalid)
        {
            throw new StoreException($"{path}: open: errno {Marshal.GetLastPInvokeError()}", StoreFault.Final);
        }

        Sync(directory, path);
    }

    private static void Sync(SafeFileHandle file, string path)
    {
        if (FSync(file) != 0)
        {
            throw new StoreException($"{path}: fsync: errno {Marshal.GetLastPInvokeError()}", StoreFault.Final);
        }
    }

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int FSync(SafeFileHandle file);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern SafeFileHandle OpenDirectory([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);
}
