using DotNettyFraming.Hosting;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Profiling;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Startup;

/// <summary><c>--memory-profile</c>: a recording of allocations over the whole run, and its file.</summary>
/// <remarks>The file is written under another name and then renamed, so that no reader sees half of a profile.</remarks>
internal sealed class MemoryProfile : IAsyncDisposable
{
    private const string Option = "--memory-profile";

    /// <summary>A profile names types, methods and paths of the program.</summary>
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _path;
    private readonly ILogger _logger;
    private readonly AllocationRecorder _recorder;

    private MemoryProfile(string path, ILogger logger, AllocationRecorder recorder)
    {
        _path = path;
        _logger = logger;
        _recorder = recorder;
    }

    /// <summary>Checks that the file can be written; warns if other users could replace it.</summary>
    /// <param name="path">The full path; null does nothing.</param>
    /// <param name="logger">Gets the warning.</param>
    /// <exception cref="StartupException">The file cannot be written.</exception>
    public static void Check(string? path, ILogger logger)
    {
        if (path is null)
        {
            return;
        }

        try
        {
            // A rename would replace a device such as /dev/null by a file, and .NET cannot recognise devices.
            if (Directory.Exists(path) || IsDevice(path))
            {
                throw new IOException("it is not a regular file.");
            }

            string target = Target(path);
            string temporary = TemporaryName(target);
            PrivateFile.CreateNew(temporary, OwnerOnly).Dispose();
            File.Delete(temporary);
            string directory = Path.GetDirectoryName(target)!;
            if (PrivateFile.IsWritableByOthers(directory))
            {
                logger.OptionWarning($"{Option}: directory '{directory}' is writable by other users, who can replace the profile");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"{Option}: '{path}' cannot be written: {exception.Message}", exception);
        }
    }

    /// <summary>Starts to record; returns null without a path, and then loads nothing.</summary>
    /// <exception cref="StartupException">The file cannot be written, or the runtime offers no diagnostics.</exception>
    public static async Task<MemoryProfile?> StartAsync(string? path, ILogger logger)
    {
        if (path is null)
        {
            return null;
        }

        Check(path, logger);
        try
        {
            AllocationRecorder recorder = await AllocationRecorder.StartAsync(CancellationToken.None).ConfigureAwait(false);
            logger.RecordingAllocations(path);
            return new MemoryProfile(path, logger, recorder);
        }
        catch (NoDiagnosticsException exception)
        {
            throw new StartupException($"{Option}: {exception.Message}", exception);
        }
    }

    /// <summary>Ends the recording and writes its file.</summary>
    /// <exception cref="StartupException">The file could not be written; an older file is unchanged.</exception>
    public async Task WriteAsync()
    {
        try
        {
            ReadOnlyMemory<byte> profile = await _recorder.StopAsync().ConfigureAwait(false);
            await ReplaceAsync(Target(_path), profile).ConfigureAwait(false);
            _logger.MemoryProfileWritten(profile.Length, _path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NoDiagnosticsException)
        {
            throw new StartupException($"{Option}: '{_path}' could not be written: {exception.Message}", exception);
        }
    }

    /// <summary>Ends the recording without writing it.</summary>
    public ValueTask DisposeAsync() => _recorder.DisposeAsync();

    private static async Task ReplaceAsync(string target, ReadOnlyMemory<byte> content)
    {
        string temporary = TemporaryName(target);
        try
        {
            FileStream file = PrivateFile.CreateNew(temporary, OwnerOnly);
            await using (file.ConfigureAwait(false))
            {
                await file.WriteAsync(content).ConfigureAwait(false);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary); // half a profile would only fill a full disk
            throw;
        }
    }

    /// <summary>Returns the file to replace: where the path is this user's link, the file that it points to.</summary>
    /// <exception cref="IOException">A link on the way belongs to another user.</exception>
    private static string Target(string path) => PrivateFile.ForeignLink(path) is { } link
        ? throw new IOException($"'{link}' is a link of another user.")
        : File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;

    private static bool IsDevice(string path) =>
        path.StartsWith("/dev/", StringComparison.Ordinal) && !path.StartsWith("/dev/shm/", StringComparison.Ordinal);

    /// <summary>Returns a name in the same folder, so that a rename works, that other users cannot guess.</summary>
    private static string TemporaryName(string path) => $"{path}.{Path.GetRandomFileName()}.tmp";
}
