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

        Sync(Path.GetDirectoryName(path)!);
    }

    /// <summary>Makes a file's contents durable, or the names in a directory.</summary>
    public static void Sync(string path)
    {
        using SafeFileHandle file = Open(path, 0x80000 /* O_RDONLY | O_CLOEXEC */);
        if (file.IsInvalid)
        {
            throw new StoreException($"{path}: open: errno {Marshal.GetLastPInvokeError()}", StoreFault.Final);
        }

        Sync(file, path);
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
    private static extern SafeFileHandle Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);
}
