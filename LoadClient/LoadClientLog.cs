using DotNettyFraming.LoadClient.Sending;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient;

/// <summary>Every event that the load client logs. Its progress and summary are no log: they go to standard output as they are.</summary>
internal static partial class LoadClientLog
{
    /// <summary>What is odd about the options, but harmless.</summary>
    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    public static partial void OptionWarning(ILogger logger, string warning);

    /// <summary>The network or the server ended a connection; there can be as many as connections.</summary>
    [LoggerMessage(Level = LogLevel.Debug, Message = "connection {Number} ended ({End}): {Reason}")]
    public static partial void ConnectionEnded(ILogger logger, int number, ConnectionEnd end, string reason);

    /// <summary>Something went wrong on our own side.</summary>
    [LoggerMessage(Level = LogLevel.Error, Message = "connection {Number} failed")]
    public static partial void ConnectionFailed(ILogger logger, int number, Exception exception);

    /// <summary>The run ends without its event loops.</summary>
    [LoggerMessage(Level = LogLevel.Error, Message = "event loops did not end within {Seconds} s of the end of the run")]
    public static partial void EventLoopsDidNotEnd(ILogger logger, double seconds, Exception exception);

    /// <summary>A bug in what hostile peers do, told for the first one that meets it.</summary>
    [LoggerMessage(Level = LogLevel.Error, Message = "hostile peer {Number} failed, and perhaps others after it")]
    public static partial void HostilePeerFailed(ILogger logger, int number, Exception exception);
}
