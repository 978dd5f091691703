using DotNettyFraming.Hosting;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Profiling;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Startup;

/// <summary><c>--memory-profile</c>: a recording of allocations from before the server starts until it has stopped, and its file.</summary>
/// <remarks>
/// The file is written beside its place and then renamed, so that nobody ever reads half of one, and what stood there stays until then.
/// </remarks>
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

    /// <summary>Finds out whether the file can be written, before there is anything to write.</summary>
    /// <param name="path">The full path; null where none was asked for.</param>
    /// <param name="logger">Gets a warning where other users could replace the file.</param>
    /// <exception cref="StartupException">It cannot.</exception>
    public static void Check(string? path, ILogger logger)
    {
        if (path is null)
        {
            return;
        }

        try
        {
            // A rename would put a file in the place of a device, `/dev/null` for one; .NET does not tell which files are devices.
            if (Directory.Exists(path) || (path.StartsWith("/dev/", StringComparison.Ordinal) && !path.StartsWith("/dev/shm/", StringComparison.Ordinal)))
            {
                throw new IOException("it is no regular file.");
            }

            string target = Target(path);
            string beside = Beside(target);
            PrivateFile.CreateNew(beside, OwnerOnly).Dispose();
            File.Delete(beside);
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

    /// <summary>Starts to record.</summary>
    /// <param name="path">The full path; null where none was asked for: then nothing is loaded or started.</param>
    /// <param name="logger">Is told where the profile goes.</param>
    /// <exception cref="StartupException">The file cannot be written, or the runtime gives no diagnostics.</exception>
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
    /// <exception cref="StartupException">It could not be written; what stood in its place is still there.</exception>
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

    /// <summary>Ends the recording, where the server could not run.</summary>
    public ValueTask DisposeAsync() => _recorder.DisposeAsync();

    private static async Task ReplaceAsync(string target, ReadOnlyMemory<byte> content)
    {
        string beside = Beside(target);
        try
        {
            FileStream file = PrivateFile.CreateNew(beside, OwnerOnly);
            await using (file.ConfigureAwait(false))
            {
                await file.WriteAsync(content).ConfigureAwait(false);
            }

            File.Move(beside, target, overwrite: true);
        }
        catch
        {
            File.Delete(beside); // a full disk is not helped by half a profile
            throw;
        }
    }

    /// <summary>The file itself, where the path is a link of this user's to one: the link stays.</summary>
    /// <exception cref="IOException">A link on the way is another user's.</exception>
    private static string Target(string path) => PrivateFile.ForeignLink(path) is { } link
        ? throw new IOException($"'{link}' is a link of another user.")
        : File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;

    /// <summary>Where the file is until it is whole: in the same folder, so that it can be renamed, under a name that nobody can foresee.</summary>
    private static string Beside(string path) => $"{path}.{Path.GetRandomFileName()}.tmp";
}
