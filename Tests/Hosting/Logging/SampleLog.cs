using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Tests.Hosting.Logging;

/// <summary>Log methods for tests, written as those of the programs.</summary>
internal static partial class SampleLog
{
    [LoggerMessage(Message = "{Text}")]
    public static partial void Line(this ILogger logger, LogLevel level, string text, Exception? exception = null);
}
