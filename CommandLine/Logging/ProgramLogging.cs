using DotNetty.Common.Internal.Logging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NLog;
using NLog.Extensions.Logging;

namespace DotNettyFraming.CommandLine.Logging;

/// <summary>A program's log, from its first line to its last: NLog, as nlog.config says.</summary>
/// <remarks>
/// <para>It is one log for our own code, DotNetty and the host.</para>
/// <para>Start it before any DotNetty class is used: each of them takes its logger once, when it is loaded, from whatever factory is
/// there. Give <see cref="Factory"/> to the host as its <see cref="ILoggerFactory"/>, and dispose of this last; that writes out what
/// is queued.</para>
/// <para>What is worth a line is nlog.config's business alone; Microsoft.Extensions.Logging filters nothing. The file may be edited
/// while the program runs. However much is worth a line, <see cref="LogLimit"/> bounds how many there are. Loggers may be
/// used from any thread; starting and disposing belong to <c>Program</c>.</para>
/// </remarks>
public sealed class ProgramLogging : IDisposable
{
    // Long enough for full queues on a slow disk, shorter than the patience of whoever asked the program to stop.
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(2);

    private readonly LogFactory _logFactory;
    private readonly ConfigurationWatch _watch;
    private readonly LimitedLoggerProvider _limited;
    private readonly string _programName;

    private ProgramLogging(string programName, LogFactory logFactory, ConfigurationWatch watch, TimeProvider clock)
    {
        _watch = watch;
        _programName = programName;
        _logFactory = logFactory;
        var provider = new NLogLoggerProvider(
            new NLogProviderOptions
            {
                // The text is made by Microsoft.Extensions.Logging alone; NLog would parse its templates a second time, by other rules.
                ParseMessageTemplates = false,
                CaptureMessageTemplates = false,
                IncludeScopes = false,
                ShutdownOnDispose = false,
            },
            logFactory);
        _limited = new LimitedLoggerProvider(provider, clock);
        Factory = new LoggerFactory(
            [_limited],
            new LoggerFilterOptions { MinLevel = Microsoft.Extensions.Logging.LogLevel.Trace });
    }

    /// <summary>Makes loggers. Disposed of with this.</summary>
    public ILoggerFactory Factory { get; }

    /// <summary>Starts logging as the nlog.config beside the executable says.</summary>
    /// <param name="programName">The executable's name; files are named by it and by the process's id.</param>
    /// <param name="directory">Where files go.</param>
    /// <returns>The log; dispose of it last.</returns>
    /// <exception cref="StartupException">nlog.config is missing or broken, or the directory that was asked for cannot be written to.</exception>
    public static ProgramLogging Start(string programName, LogDirectory directory) =>
        Start(programName, directory, Path.Combine(AppContext.BaseDirectory, "nlog.config"), TimeProvider.System);

    /// <summary>Makes the logger whose lines reach standard output at once, whatever queues the others wait in.</summary>
    /// <returns>A logger for the start-up line and the <c>stopped:</c> line, not for anything frequent.</returns>
    public Microsoft.Extensions.Logging.ILogger CreateLifecycleLogger() => Factory.CreateLogger(_programName + LimitedLogger.LifecycleSuffix);

    /// <summary>Writes out what is queued, for at most two seconds, and closes the files. Loggers stay usable and write nothing.</summary>
    public void Dispose()
    {
        if (ReferenceEquals(InternalLoggerFactory.DefaultFactory, Factory))
        {
            // A DotNetty class that is loaded after this must still get a logger; a disposed factory would throw.
            InternalLoggerFactory.DefaultFactory = NullLoggerFactory.Instance;
        }

        _limited.Dispose();
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

        var logFactory = new LogFactory { ThrowConfigExceptions = true };
        logFactory.Setup().SetupExtensions(extensions => extensions
            .RegisterTarget<PrivateFileTarget>("File")
            .RegisterLayoutRenderer<EscapedLayoutRenderer>(EscapedLayoutRenderer.Name)
            .RegisterLayoutRenderer<ExceptionLinesLayoutRenderer>(ExceptionLinesLayoutRenderer.Name));
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
