using Microsoft.Extensions.Logging;

namespace DotNettyFraming.CommandLine.Logging;

/// <summary>The lines that stand for others.</summary>
internal static partial class LogLimitLog
{
    /// <summary>The rest of one kind of event, in the logger of those that were written and at their level.</summary>
    [LoggerMessage(Message = "… and {Count} more in the last {Seconds} s: {Template}")]
    public static partial void MoreOfAKind(this ILogger logger, LogLevel level, long count, int seconds, string template);

    /// <summary>What did not fit, of whatever kind.</summary>
    [LoggerMessage(Message = "… and {Count} more of several kinds in the last {Seconds} s, as the log is kept below {Limit} lines a second")]
    public static partial void MoreOfAll(this ILogger logger, LogLevel level, long count, int seconds, int limit);
}
