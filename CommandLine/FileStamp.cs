namespace DotNettyFraming.CommandLine;

/// <summary>What tells one content of a file from another, links followed: to see that it has changed.</summary>
/// <param name="Length">Its length, bytes.</param>
/// <param name="Written">When it was last written.</param>
internal readonly record struct FileStamp(long Length, DateTime Written)
{
    /// <summary>A file as it is now.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Null while there is none, or none that can be read.</returns>
    public static FileStamp? Of(string path)
    {
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle handle = File.OpenHandle(path);
            return new FileStamp(RandomAccess.GetLength(handle), File.GetLastWriteTimeUtc(handle));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Being replaced, or gone: what was read stays in force.
            return null;
        }
    }
}
