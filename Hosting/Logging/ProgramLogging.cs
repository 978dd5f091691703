using DotNetty.Common.Internal.Logging;
using DotNettyFraming.Hosting.Options;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NLog;
using NLog.Extensions.Logging;

namespace DotNettyFraming.Hosting.Logging;

/// <summary>The directory of the log's files; null is none, standard output only.</summary>
public sealed record LogDirectory(string? Path)
{
    private const string NoneText = "none";

    /// <summary>No files, only standard output.</summary>
    public static LogDirectory None { get; } = new((string?)null);

    /// <summary><c>logs</c> next to the executable.</summary>
    public static LogDirectory Default { get; } = new(System.IO.Path.Combine(AppContext.BaseDirectory, "logs")) { IsDefault = true };

    internal static OptionKind<LogDirectory> Kind { get; } = new(
        "DIRECTORY",
        text => text == NoneText ? Parsed.Of(None) : OptionKind.ParsePath(text).Select(path => new LogDirectory(path)),
        directory => directory.Path is null ? NoneText : System.IO.Path.GetFullPath(directory.Path));

    /// <summary>Whether none was given; then a failure, as in a read-only image, only means no files.</summary>
    public bool IsDefault { get; internal init; }
}

/// <summary>The log of a program: NLog, configured by nlog.config, for our own code, DotNetty and Kestrel.</summary>
/// <remarks>
/// Start it before any DotNetty class is used (each gets its logger when it loads), and dispose of it last, which writes queued events.
/// Only nlog.config filters by level, and it may be edited while the program runs. <see cref="LogLimit"/> limits the rate.
/// </remarks>
internal sealed class ProgramLogging : IDisposable
{
    // Enough for full queues on a slow disk, and shorter than the time that a supervisor waits.
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WatchPeriod = TimeSpan.FromSeconds(1);

    private readonly LogFactory _logFactory;
    private readonly FileWatch _watch;
    private readonly LogLimit _limit;
    private readonly string _programName;

    private ProgramLogging(string programName, LogFactory logFactory, FileWatch watch, TimeProvider clock)
    {
        _watch = watch;
        _programName = programName;
        _logFactory = logFactory;
        var provider = new NLogLoggerProvider(
            new NLogProviderOptions
            {
                // NLog would parse the templates again, by other rules.
                ParseMessageTemplates = false,
                CaptureMessageTemplates = false,
                IncludeScopes = false,
                ShutdownOnDispose = false,
            },
            logFactory);
        _limit = new LogLimit(provider, clock);
        Factory = new LoggerFactory(
            [_limit],
            new LoggerFilterOptions { MinLevel = Microsoft.Extensions.Logging.LogLevel.Trace });
    }

    public ILoggerFactory Factory { get; }

    /// <summary>Starts logging with the nlog.config next to the executable; files are named by program and process id.</summary>
    /// <exception cref="StartupException">nlog.config is missing or broken, or the given directory cannot be written.</exception>
    public static ProgramLogging Start(string programName, LogDirectory directory) =>
        Start(programName, directory, Path.Combine(AppContext.BaseDirectory, "nlog.config"), TimeProvider.System);

    /// <summary>Returns the logger that writes to standard output synchronously; for few lines.</summary>
    public Microsoft.Extensions.Logging.ILogger CreateLifecycleLogger() => Factory.CreateLogger(_programName + LogLimit.LifecycleSuffix);

    /// <summary>Writes queued events, for at most two seconds, and closes the files. Loggers stay usable and write nothing.</summary>
    public void Dispose()
    {
        if (ReferenceEquals(InternalLoggerFactory.DefaultFactory, Factory))
        {
            // A DotNetty class that loads later must still get a logger; a disposed factory would throw.
            InternalLoggerFactory.DefaultFactory = NullLoggerFactory.Instance;
        }

        _limit.Dispose();
        Factory.Dispose();
        _watch.Dispose();
        _logFactory.Flush(FlushTimeout);
        _logFactory.Shutdown();
        _logFactory.Dispose();
    }

    internal static ProgramLogging Start(string programName, LogDirectory directory, string configurationPath, TimeProvider clock)
    {
        string? noFiles = null;
        string? absolute = directory.Path is null ? null : Prepare(directory.Path, out noFiles);
        if (noFiles is not null && !directory.IsDefault)
        {
            throw new StartupException($"--log-directory '{directory.Path}': cannot be written to: {noFiles}");
        }

        LogFactory logFactory = LoggingConfigurationFile.NewFactory();
        FileWatch watch;
        try
        {
            watch = Watch(
                logFactory,
                configurationPath,
                () => new LoggingConfigurationFile(configurationPath, programName, absolute, logFactory),
                clock);
        }
        catch (Exception e) when (e is NLogConfigurationException or NLogRuntimeException or IOException or UnauthorizedAccessException)
        {
            logFactory.Dispose();
            throw new StartupException($"{configurationPath}: {e.Message}", e);
        }

        if (((LoggingConfigurationFile)logFactory.Configuration!).ForeignPart() is { } foreign)
        {
            watch.Dispose();
            logFactory.Dispose();
            throw new StartupException($"--log-directory '{directory.Path}': '{foreign}' belongs to another user");
        }

        var logging = new ProgramLogging(programName, logFactory, watch, clock);
        InternalLoggerFactory.DefaultFactory = logging.Factory;
        if (noFiles is not null)
        {
            logFactory.GetLogger(nameof(ProgramLogging)).Warn("no log files: {0} cannot be written to: {1}", directory.Path, noFiles);
        }
        else if (absolute is not null && PrivateFile.IsWritableByOthers(absolute))
        {
            logFactory.GetLogger(nameof(ProgramLogging)).Warn("--log-directory '{0}': other users can replace files in it", absolute);
        }

        return logging;
    }

    /// <summary>Reads nlog.config, and again when it changes, so that a level can be changed while the program runs.</summary>
    /// <remarks>
    /// NLog's own <c>autoReload</c> misses a file that is replaced by renaming, as <c>sed -i</c> and mounted configuration do, and
    /// ignores a broken file without a message.
    /// </remarks>
    private static FileWatch Watch(LogFactory logFactory, string path, Func<LoggingConfigurationFile> read, TimeProvider clock)
    {
        bool isFirst = true;
        return new FileWatch([path], WatchPeriod, clock, Use, Refused);

        void Use()
        {
            logFactory.Configuration = read();
            if (!isFirst)
            {
                logFactory.GetLogger(nameof(ProgramLogging)).Info("read {0} again", path);
            }

            isFirst = false;
        }

        void Refused(Exception fault) =>
            logFactory.GetLogger(nameof(ProgramLogging)).Warn("{0} has changed, but is not used: {1}", path, fault.Message);
    }

    /// <summary>Creates the directory and tests it, as NLog would fail silently; returns its absolute path, or null and a reason.</summary>
    private static string? Prepare(string directory, out string? reason)
    {
        reason = null;
        try
        {
            string absolute = Path.GetFullPath(directory);
            Directory.CreateDirectory(absolute);
            string probe = Path.Combine(absolute, Path.GetRandomFileName());
            PrivateFile.CreateNew(probe, UnixFileMode.UserWrite).Dispose();
            File.Delete(probe);
            return absolute;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            reason = e.Message;
            return null;
        }
    }
}
