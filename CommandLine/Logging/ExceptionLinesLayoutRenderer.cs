using System.Text;
using NLog;
using NLog.LayoutRenderers;

namespace DotNettyFraming.CommandLine.Logging;

/// <summary><c>${exceptionlines}</c> in nlog.config: type, escaped message and stack of an exception and of those inside it.</summary>
/// <remarks>
/// NLog's own <c>${exception}</c> writes messages as they are, and a message may quote what a peer sent. Here only the lines of the
/// stack are lines; they are indented, so that no line of an exception looks like the start of an event.
/// </remarks>
[LayoutRenderer(Name)]
internal sealed class ExceptionLinesLayoutRenderer : LayoutRenderer
{
    public const string Name = "exceptionlines";

    protected override void Append(StringBuilder builder, LogEventInfo logEvent)
    {
        const StringSplitOptions NoBlanks = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;
        for (Exception? exception = logEvent.Exception; exception is not null; exception = exception.InnerException)
        {
            string message = ControlCharacters.Escape(exception.Message);
            builder.AppendLine().Append("    ").Append(exception.GetType()).Append(": ").Append(message);
            foreach (string frame in (exception.StackTrace ?? "").Split('\n', NoBlanks))
            {
                builder.AppendLine().Append("      ").Append(frame);
            }
        }
    }
}
