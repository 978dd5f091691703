using NLog;
using NLog.Config;
using NLog.Layouts;
using NLog.Targets;
using NLog.Targets.Wrappers;

namespace DotNettyFraming.CommandLine.Logging;

/// <summary>nlog.config as read, with the command line's word on files applied.</summary>
internal sealed class LoggingConfigurationFile : XmlLoggingConfiguration
{
    /// <summary>Reads the file.</summary>
    /// <param name="path">nlog.config.</param>
    /// <param name="programName">Its variable <c>program</c>.</param>
    /// <param name="directory">Its variable <c>logDirectory</c>; null takes all files out of its rules.</param>
    /// <param name="logFactory">What it is for.</param>
    /// <exception cref="NLogConfigurationException">It is broken.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public LoggingConfigurationFile(string path, string programName, string? directory, LogFactory logFactory)
        : base(path, logFactory)
    {
        // ConfigurationWatch does that, and does it through this constructor.
        AutoReload = false;
        Variables["program"] = programName;
        if (directory is null)
        {
            RemoveFileTargets();
        }
        else
        {
            // A path may hold ${…}, which NLog is not to read as a layout.
            Variables["logDirectory"] = Layout.FromLiteral(directory);
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
