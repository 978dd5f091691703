using DotNettyFraming.LoadClient.Sending;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient;

/// <summary>The log events of the load client. Progress and summary are no log events: they go to standard output.</summary>
internal static partial class LoadClientLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    public static partial void OptionWarning(ILogger logger, string warning);

    [LoggerMessage(Level = LogLevel.Debug, Message = "connection {Number} ended ({End}): {Reason}")]
    public static partial void ConnectionEnded(ILogger logger, int number, ConnectionEnd end, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "connection {Number} failed")]
    public static partial void ConnectionFailed(ILogger logger, int number, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "event loops did not end within {Seconds} s of the end of the run")]
    public static partial void EventLoopsDidNotEnd(ILogger logger, double seconds, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "hostile peer {Number} failed; later failures are not logged")]
    public static partial void HostilePeerFailed(ILogger logger, int number, Exception exception);
}
