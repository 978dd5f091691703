using Microsoft.Win32.SafeHandles;

namespace DotNettyFraming.Hosting;

/// <summary>A watch that reads files, and reads them again when one has changed, by renaming or by writing.</summary>
/// <remarks>
/// It checks periodically, and reads files that are the same at two checks: a certificate and its key are replaced one after the other,
/// and a file can be half written. Thread-safe.
/// </remarks>
internal sealed class FileWatch : IDisposable
{
    private readonly string[] _files;
    private readonly Action _read;
    private readonly Action<Exception> _refused;
    private readonly Lock _lock = new();
    private readonly ITimer _timer;
    private FileStamp?[] _current;
    private FileStamp?[] _lastSeen;
    private FileStamp?[]? _reported; // the version that could not be used; null if the last one read is in force
    private bool _disposed;

    /// <summary>Reads the files for the first time, and watches them.</summary>
    /// <param name="files">Their paths; links are followed.</param>
    /// <param name="period">The time between two checks.</param>
    /// <param name="time">The clock.</param>
    /// <param name="read">Reads all of them. An exception of the first read leaves the constructor.</param>
    /// <param name="refused">Called once per version for which <paramref name="read"/> threw.</param>
    public FileWatch(IEnumerable<string> files, TimeSpan period, TimeProvider time, Action read, Action<Exception> refused)
    {
        _files = [.. files];
        _read = read;
        _refused = refused;
        _current = _lastSeen = Stamps();
        read();
        _timer = time.CreateAlignedTimer(Check, period);
    }

    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
        {
            _disposed = true;
        }
    }

    private FileStamp?[] Stamps() => [.. _files.Select(FileStamp.Of)];

    private void Check()
    {
        lock (_lock)
        {
            FileStamp?[] seen = Stamps();
            bool isAtRest = seen.SequenceEqual(_lastSeen);
            _lastSeen = seen;
            if (!_disposed && isAtRest && !seen.Contains(null) && !seen.SequenceEqual(_current))
            {
                ReadAgain(seen);
            }
        }
    }

    /// <summary>Reads the files. A failure is retried at each check, as its cause may be outside the files.</summary>
    private void ReadAgain(FileStamp?[] seen)
    {
        try
        {
            _read();
            _current = seen;
            _reported = null;
        }
        catch (Exception e)
        {
            // Any kind: on a timer's thread it would end the program.
            if (_reported is null || !seen.SequenceEqual(_reported))
            {
                _reported = seen;
                _refused(e);
            }
        }
    }
}

/// <summary>The identity of one version of a file, links followed; device and inode are 0 if the system does not have them.</summary>
/// <remarks>Nix and OSTree give every file the same time, so that two versions may differ only in their inode.</remarks>
internal readonly record struct FileStamp(long Length, DateTime Written, long Device, ulong Inode)
{
    /// <summary>Returns the current stamp of a file; null if it cannot be opened.</summary>
    public static FileStamp? Of(string path)
    {
        try
        {
            using SafeFileHandle handle = File.OpenHandle(path);
            FileStatus status = FileStatus.Of(handle) ?? default;
            return new FileStamp(
                RandomAccess.GetLength(handle), File.GetLastWriteTimeUtc(handle), status.Device, status.Inode);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // being replaced, or gone
        }
    }
}
