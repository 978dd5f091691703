using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Tests.Hosting.Logging;

/// <summary>Log lines for tests, in the way that the programs write theirs.</summary>
internal static partial class SampleLog
{
    [LoggerMessage(Message = "{Text}")]
    public static partial void Line(this ILogger logger, LogLevel level, string text, Exception? exception = null);
}
