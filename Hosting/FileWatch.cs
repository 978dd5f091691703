using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DotNettyFraming.Hosting;

/// <summary>Reads files at the start and again when one of them has changed, by renaming or by writing.</summary>
/// <remarks>
/// Checks at an interval, and reads only files that are the same at two checks: a certificate and its key are replaced one after the
/// other, and a file can be half written. Thread-safe.
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

    /// <summary>The files that could not be used and were reported; null when the files last read are in force.</summary>
    private FileStamp?[]? _reported;
    private bool _disposed;

    /// <summary>Reads the files for the first time, and watches them from then on.</summary>
    /// <param name="files">Their paths; links are followed.</param>
    /// <param name="period">The time between two checks.</param>
    /// <param name="time">The clock.</param>
    /// <param name="read">Reads all of them. An exception of the first read leaves the constructor.</param>
    /// <param name="refused">Called once per version of the files that <paramref name="read"/> threw at.</param>
    public FileWatch(IEnumerable<string> files, TimeSpan period, TimeProvider time, Action read, Action<Exception> refused)
    {
        _files = [.. files];
        _read = read;
        _refused = refused;
        _current = _lastSeen = Stamps();
        read();
        _timer = time.CreateTimer(_ => Check(), null, period, period);
    }

    /// <summary>Stops checking.</summary>
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

    /// <summary>Reads the files. A failure is retried at each check: its cause need not be in the files.</summary>
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
            // Any kind: this is a timer's thread, and no edit of a file may end the program.
            if (_reported is null || !seen.SequenceEqual(_reported))
            {
                _reported = seen;
                _refused(e);
            }
        }
    }
}

/// <summary>Identifies one version of a file, links followed.</summary>
/// <param name="Length">Its length, bytes.</param>
/// <param name="Written">When it was last written.</param>
/// <param name="Device">Major and minor number of its file system; 0 where the system does not say.</param>
/// <param name="Inode">Its number there. Nix and OSTree give every file the same time: another inode is the only difference.</param>
internal readonly partial record struct FileStamp(long Length, DateTime Written, long Device, ulong Inode)
{
    /// <summary>Returns the stamp of a file as it is now; null if it cannot be opened.</summary>
    public static FileStamp? Of(string path)
    {
        try
        {
            using SafeFileHandle handle = File.OpenHandle(path);
            (long device, ulong inode) = Identity(handle);
            return new FileStamp(RandomAccess.GetLength(handle), File.GetLastWriteTimeUtc(handle), device, inode);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Being replaced, or gone: the version read before stays in force.
            return null;
        }
    }

    /// <summary>Returns device and inode by statx(2), whose layout is the same on every architecture.</summary>
    private static (long Device, ulong Inode) Identity(SafeFileHandle file)
    {
        const int EmptyPath = 0x1000, WantInode = 0x100, InodeAt = 32, MajorAt = 136, MinorAt = 140;
        if (!OperatingSystem.IsLinux())
        {
            return default;
        }

        Span<byte> status = stackalloc byte[256];
        try
        {
            return StatX(file, "\0"u8, EmptyPath, WantInode, status) == 0
                ? (((long)MemoryMarshal.Read<uint>(status[MajorAt..]) << 32) | MemoryMarshal.Read<uint>(status[MinorAt..]),
                    MemoryMarshal.Read<ulong>(status[InodeAt..]))
                : default;
        }
        catch (EntryPointNotFoundException)
        {
            return default; // a C library older than glibc 2.28
        }
    }

    [LibraryImport("libc", EntryPoint = "statx")]
    private static partial int StatX(SafeFileHandle directory, ReadOnlySpan<byte> path, int flags, uint mask, Span<byte> status);
}
