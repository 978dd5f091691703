using Microsoft.Extensions.Logging;

namespace DotNettyFraming.CommandLine.Logging;

/// <summary>A logger that writes what <see cref="LogLimit"/> lets through. What is not enabled costs what it costs without a limit.</summary>
/// <remarks>Never held back: Critical (NLog's Fatal), and the categories that end in <see cref="LifecycleSuffix"/> or <see cref="ProgressSuffix"/>.</remarks>
internal sealed class LimitedLogger(ILogger inner, string category, LogLimit limit) : ILogger
{
    /// <summary>The ending of a category whose few lines are about the program itself.</summary>
    public const string LifecycleSuffix = ".Lifecycle";

    /// <summary>The ending of a category that bounds itself, at no more than 20 lines a second.</summary>
    public const string ProgressSuffix = ".Progress";

    private readonly bool _neverHeldBack =
        category.EndsWith(LifecycleSuffix, StringComparison.Ordinal) || category.EndsWith(ProgressSuffix, StringComparison.Ordinal);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => inner.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!inner.IsEnabled(logLevel))
        {
            return;
        }

        if (_neverHeldBack || logLevel == LogLevel.Critical)
        {
            limit.Note(exception);
        }
        else if (!limit.Admits(LogEventKind.Of(category, eventId, logLevel, state), exception, inner))
        {
            return;
        }

        inner.Log(logLevel, eventId, state, exception, formatter);
    }
}
