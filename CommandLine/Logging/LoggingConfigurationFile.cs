using NLog;
using NLog.Config;
using NLog.Targets;
using NLog.Targets.Wrappers;

namespace DotNettyFraming.CommandLine.Logging;

/// <summary>nlog.config as read, with the command line's word on files applied; again each time that the file changes.</summary>
internal sealed class LoggingConfigurationFile : XmlLoggingConfiguration
{
    private readonly LogFactory _logFactory;
    private readonly string _path;
    private readonly string _programName;
    private readonly string? _directory;

    /// <summary>Reads the file.</summary>
    /// <exception cref="NLogConfigurationException">It is broken.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public LoggingConfigurationFile(string path, string programName, string? directory, LogFactory logFactory)
        : base(path, logFactory)
    {
        _path = path;
        _programName = programName;
        _directory = directory;
        _logFactory = logFactory;
        Variables["program"] = programName;
        if (directory is null)
        {
            RemoveFileTargets();
        }
        else
        {
            Variables["logDirectory"] = directory;
        }
    }

    /// <summary>Called by NLog when the file has changed. Where it is broken now, says so and leaves things as they were.</summary>
    public override LoggingConfiguration Reload()
    {
        try
        {
            return new LoggingConfigurationFile(_path, _programName, _directory, _logFactory);
        }
        catch (Exception e)
        {
            // NLog keeps the former configuration when this throws, but would tell nobody.
            _logFactory.GetLogger(nameof(ProgramLogging)).Warn("{0} stays as it was: {1}", _path, e.Message);
            throw;
        }
    }

    // Taken out of the rules rather than filtered, so that it also holds for file targets that a user adds to nlog.config.
    private void RemoveFileTargets()
    {
        foreach (LoggingRule rule in LoggingRules)
        {
            foreach (Target target in rule.Targets.Where(WritesFiles).ToArray())
            {
                rule.Targets.Remove(target);
            }
        }
    }

    private static bool WritesFiles(Target target) => target switch
    {
        FileTarget => true,
        WrapperTargetBase { WrappedTarget: { } wrapped } => WritesFiles(wrapped),
        CompoundTargetBase compound => compound.Targets.Any(WritesFiles),
        _ => false,
    };
}
