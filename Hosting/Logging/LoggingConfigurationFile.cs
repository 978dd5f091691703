using System.Text;
using NLog;
using NLog.Config;
using NLog.LayoutRenderers;
using NLog.LayoutRenderers.Wrappers;
using NLog.Layouts;
using NLog.Targets;
using NLog.Targets.Wrappers;

namespace DotNettyFraming.Hosting.Logging;

/// <summary>nlog.config with the program's name and log directory.</summary>
internal sealed class LoggingConfigurationFile : XmlLoggingConfiguration
{
    /// <summary>Reads the file; without a directory, all file targets are removed from its rules.</summary>
    /// <exception cref="NLogConfigurationException">It is broken.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public LoggingConfigurationFile(string path, string programName, string? directory, LogFactory logFactory)
        : base(path, logFactory)
    {
        AutoReload = false; // ProgramLogging reads it again
        Variables["program"] = programName;
        if (directory is not null)
        {
            Variables["logDirectory"] = Layout.FromLiteral(directory); // a path may hold ${…}
            return;
        }

        // Also for file targets that a user adds to nlog.config.
        foreach (LoggingRule rule in LoggingRules)
        {
            foreach (Target target in rule.Targets.Where(target => Files(target).Any()).ToArray())
            {
                rule.Targets.Remove(target);
            }
        }
    }

    /// <summary>Returns a factory that has the targets and layouts of this file.</summary>
    public static LogFactory NewFactory()
    {
        var factory = new LogFactory { ThrowConfigExceptions = true };
        factory.Setup().SetupExtensions(extensions => extensions
            .RegisterTarget<PrivateFileTarget>("File")
            .RegisterLayoutRenderer<EscapedLayoutRenderer>(EscapedLayoutRenderer.Name)
            .RegisterLayoutRenderer<ExceptionLines>(ExceptionLines.Name));
        return factory;
    }

    /// <summary>Returns the first log file, or link on its path, that belongs to another user; null if none.</summary>
    public string? ForeignPart() => LoggingRules.SelectMany(rule => rule.Targets).SelectMany(Files)
        .Select(file => PrivateFile.ForeignPart(file.FileName.Render(LogEventInfo.CreateNullEvent())))
        .FirstOrDefault(part => part is not null);

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

/// <summary><c>${escaped:${message}}</c>: the inner text stays on its line (<see cref="ControlCharacters"/>).</summary>
[LayoutRenderer(Name)]
internal sealed class EscapedLayoutRenderer : WrapperLayoutRendererBase
{
    public const string Name = "escaped";

    protected override string Transform(string text) => ControlCharacters.Escape(text);
}

/// <summary><c>${exceptionlines}</c>: an exception and its inner ones, indented: type and escaped message, then the stack.</summary>
/// <remarks>NLog's <c>${exception}</c> writes messages as they are, and a message may quote a peer.</remarks>
[LayoutRenderer(Name)]
internal sealed class ExceptionLines : LayoutRenderer
{
    public const string Name = "exceptionlines";

    private const int Max = 100; // lines; more, as of a deep recursion, would not fit into LogLimit

    public static int CountOf(Exception exception) => Of(exception).Count();

    protected override void Append(StringBuilder builder, LogEventInfo logEvent)
    {
        foreach (string line in logEvent.Exception is { } exception ? Of(exception) : [])
        {
            builder.AppendLine().Append(line);
        }
    }

    private static IEnumerable<string> Of(Exception exception) => All(exception).Take(Max);

    private static IEnumerable<string> All(Exception outermost)
    {
        const StringSplitOptions NoBlanks = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;
        for (Exception? exception = outermost; exception is not null; exception = exception.InnerException)
        {
            yield return $"    {exception.GetType()}: {ControlCharacters.Escape(exception.Message)}";
            foreach (string frame in (exception.StackTrace ?? "").Split('\n', NoBlanks))
            {
                yield return $"      {frame}";
            }
        }
    }
}
