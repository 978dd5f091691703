using System.Runtime.InteropServices;

namespace DotNettyFraming.Hosting;

/// <summary>Files that other users of the machine must not read or redirect.</summary>
/// <remarks>Linux only; elsewhere links are followed and modes are the system's.</remarks>
internal static partial class PrivateFile
{
    private const UnixFileMode OthersWrite = UnixFileMode.OtherWrite | UnixFileMode.GroupWrite;

    /// <summary>Creates a file with exactly this mode, whatever the umask; fails if the path exists, also as a link.</summary>
    /// <exception cref="IOException">The path exists, or the directory cannot be written.</exception>
    public static FileStream CreateNew(string path, UnixFileMode mode)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.Read };
        if (OperatingSystem.IsWindows())
        {
            return new FileStream(path, options);
        }

        options.UnixCreateMode = mode;
        var file = new FileStream(path, options);
        File.SetUnixFileMode(file.SafeFileHandle, mode); // bits that the umask has cleared
        return file;
    }

    /// <summary>Opens or creates a file for appending, with exactly this mode; refuses a link or a file of another user.</summary>
    /// <exception cref="IOException">It belongs to another user, or cannot be written.</exception>
    public static FileStream Append(string path, UnixFileMode mode)
    {
        if (OperatingSystem.IsLinux() && FileStatus.Of(path, followLinks: false) is null)
        {
            return CreateNew(path, mode);
        }

        if (ForeignPart(path) is { } foreign)
        {
            throw new IOException($"'{foreign}' belongs to another user");
        }

        var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file.SafeFileHandle, mode);
        }

        return file;
    }

    /// <summary>Returns the first link on the path that another user owns, or the file itself if another user owns it.</summary>
    public static string? ForeignPart(string path) => ForeignLink(path)
        ?? (FileStatus.Of(path, followLinks: true) is { } status && status.User != GetUser() ? path : null);

    /// <summary>Returns the first link on the path that another user owns, the path itself included; null if none.</summary>
    /// <remarks>Links of this user and of root are followed. The search ends at a part that does not exist.</remarks>
    public static string? ForeignLink(string path) => OperatingSystem.IsLinux() ? ForeignLink(Path.GetFullPath(path), depth: 0) : null;

    /// <summary>Whether users other than this one and root can replace files in a directory.</summary>
    /// <remarks>A group counts only if it is not this process's own, which is private to it on most systems.</remarks>
    public static bool IsWritableByOthers(string directory) =>
        FileStatus.Of(directory, followLinks: true) is { } status
        && (!IsOwn(status) || (status.Mode & (int)(status.Group == GetGroup() ? UnixFileMode.OtherWrite : OthersWrite)) != 0);

    /// <summary>Whether users other than this one, root and this process's group can read a file.</summary>
    public static bool IsReadableByOthers(string file) =>
        FileStatus.Of(file, followLinks: true) is { } status
        && (!IsOwn(status) || (status.Mode & (int)UnixFileMode.OtherRead) != 0);

    private static string? ForeignLink(string path, int depth)
    {
        string at = Path.GetPathRoot(path)!;
        foreach (string part in path[at.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            string directory = at;
            at = Path.Combine(at, part);
            if (new FileInfo(at).LinkTarget is not { } target)
            {
                continue;
            }

            const int MaxDepth = 40; // as the kernel's
            if (depth >= MaxDepth || FileStatus.Of(at, followLinks: false) is not { } status || !IsOwn(status))
            {
                return at;
            }

            at = Path.GetFullPath(target, directory);
            if (ForeignLink(at, depth + 1) is { } foreign)
            {
                return foreign;
            }
        }

        return null;
    }

    private static bool IsOwn(FileStatus status) => status.User == 0 || status.User == GetUser();

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetUser();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint GetGroup();
}
