using DotNetty.Common.Internal.Logging;
using DotNettyFraming.Hosting.Options;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NLog;
using NLog.Extensions.Logging;

namespace DotNettyFraming.Hosting.Logging;

/// <summary>The directory of the log's files; null is none, standard output only.</summary>
internal sealed record LogDirectory(string? Path)
{
    private const string NoneText = "none";

    /// <summary>Standard output only.</summary>
    public static LogDirectory None { get; } = new((string?)null);

    /// <summary><c>logs</c> next to the executable.</summary>
    public static LogDirectory Default { get; } = new(System.IO.Path.Combine(AppContext.BaseDirectory, "logs")) { IsDefault = true };

    /// <summary>The text of <c>--log-directory</c>.</summary>
    public static OptionKind<LogDirectory> Kind { get; } = new(
        "DIRECTORY",
        text => text == NoneText ? Parsed.Of(None) : OptionKind.ParsePath(text).Select(path => new LogDirectory(path)),
        directory => directory.Path is null ? NoneText : System.IO.Path.GetFullPath(directory.Path));

    /// <summary>Whether none was given; then it may fail, as in a read-only image, and there are no files.</summary>
    public bool IsDefault { get; internal init; }
}

/// <summary>The log of a program: NLog as nlog.config configures it, for our own code, DotNetty and Kestrel alike.</summary>
/// <remarks>
/// Start it before any DotNetty class is used (each takes its logger once, when it loads), and dispose of it last, which writes out what
/// is queued. Only nlog.config filters by level, and may be edited while the program runs; <see cref="LogLimit"/> bounds the rate.
/// </remarks>
internal sealed class ProgramLogging : IDisposable
{
    // Long enough for full queues on a slow disk, shorter than a supervisor waits.
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(2);

    private readonly LogFactory _logFactory;
    private readonly ConfigurationWatch _watch;
    private readonly LogLimit _limit;
    private readonly string _programName;

    private ProgramLogging(string programName, LogFactory logFactory, ConfigurationWatch watch, TimeProvider clock)
    {
        _watch = watch;
        _programName = programName;
        _logFactory = logFactory;
        var provider = new NLogLoggerProvider(
            new NLogProviderOptions
            {
                // NLog would parse the templates a second time, by other rules.
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

    /// <summary>Makes loggers. Disposed of with this.</summary>
    public ILoggerFactory Factory { get; }

    /// <summary>Starts logging as the nlog.config next to the executable configures it.</summary>
    /// <param name="programName">The executable's name; files are named by it and by the process's id.</param>
    /// <param name="directory">The directory of the files.</param>
    /// <exception cref="StartupException">nlog.config is missing or broken, or the directory that was asked for cannot be written to.</exception>
    public static ProgramLogging Start(string programName, LogDirectory directory) =>
        Start(programName, directory, Path.Combine(AppContext.BaseDirectory, "nlog.config"), TimeProvider.System);

    /// <summary>Returns the logger whose lines are on standard output before the call returns; for few lines.</summary>
    public Microsoft.Extensions.Logging.ILogger CreateLifecycleLogger() => Factory.CreateLogger(_programName + LogLimit.LifecycleSuffix);

    /// <summary>Writes out what is queued, for at most two seconds, and closes the files. Loggers stay usable and write nothing.</summary>
    public void Dispose()
    {
        if (ReferenceEquals(InternalLoggerFactory.DefaultFactory, Factory))
        {
            // A DotNetty class that is loaded after this must still get a logger; a disposed factory would throw.
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
        ConfigurationWatch watch;
        try
        {
            watch = new ConfigurationWatch(
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

    /// <summary>Creates the directory and tries it out: NLog itself would fail silently, at the first line.</summary>
    /// <returns>Its absolute path; null, and the reason, where it cannot be written to.</returns>
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
