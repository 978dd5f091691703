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
        if (logEvent.Exception is not { } exception)
        {
            return;
        }

        foreach (string line in ExceptionLines.Of(exception))
        {
            builder.AppendLine().Append(line);
        }
    }
}
