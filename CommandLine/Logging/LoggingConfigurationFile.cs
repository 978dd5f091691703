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

    /// <summary>Returns the first log file, or link on the way to it, that exists and belongs to another user; null if none.</summary>
    public string? ForeignPart() => LoggingRules.SelectMany(rule => rule.Targets).SelectMany(Files)
        .Select(file => PrivateFile.ForeignPart(file.FileName.Render(LogEventInfo.CreateNullEvent()))).FirstOrDefault(part => part is not null);

    // Taken out of the rules rather than filtered, so that it also holds for file targets that a user adds to nlog.config.
    private void RemoveFileTargets()
    {
        foreach (LoggingRule rule in LoggingRules)
        {
            foreach (Target target in rule.Targets.Where(target => Files(target).Any()).ToArray())
            {
                rule.Targets.Remove(target);
            }
        }
    }

    private static IEnumerable<FileTarget> Files(Target target) => target switch
    {
        FileTarget file => [file],
        WrapperTargetBase { WrappedTarget: { } wrapped } => Files(wrapped),
        CompoundTargetBase compound => compound.Targets.SelectMany(Files),
        _ => [],
    };
}

/// <summary>The target of log files: mode 0640 whatever the umask, and no file or link of another user.</summary>
internal sealed class PrivateFileTarget : FileTarget
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    protected override Stream CreateFileStream(string filePath, int bufferSize)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(filePath))!);
        return PrivateFile.Append(filePath, Mode);
    }
}
