using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Hosting.Logging;

/// <summary>A limit of the lines per second in front of all loggers; events above it are counted, and logged as sums.</summary>
/// <remarks>
/// Of each kind of event, the first <see cref="FirstOfAKind"/> in a <see cref="Window"/> are written, and one line at its end has the
/// number of the others. All kinds together are limited per second, with the number of the others in one line. So each event is either
/// written or in exactly one sum. Critical events, and the categories ending in <see cref="LifecycleSuffix"/> or
/// <see cref="ProgressSuffix"/>, are always written.
/// <para>NLog's LimitingWrapper and whenRepeated cannot do this: both drop errors in a flood of Debug, and neither counts what it drops. If
/// Warn bypasses them, DotNetty's acceptor alone writes thousands of warnings per second. Any thread.</para>
/// </remarks>
internal sealed partial class LogLimit : ILoggerProvider
{
    public const int LinesPerSecond = 200; // in any second
    public const int OrdinaryLines = 180; // leaves room for the events that are always written, and for the sums
    public const int DetailLines = 170; // of Debug and Information; leaves room for warnings and errors
    public const int FirstOfAKind = 20;
    public const int MaxKinds = 256; // counted separately in a window; bounds the memory for odd templates
    public const string LifecycleSuffix = ".Lifecycle"; // few lines, about the program itself
    public const string ProgressSuffix = ".Progress"; // limits itself to 20 lines per second

    public static readonly TimeSpan Window = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ILoggerProvider _inner;
    private readonly ILogger _sums;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly Dictionary<Kind, Repetitions> _kinds = [];
    private readonly Queue<long> _recent = new(LinesPerSecond);
    private readonly ITimer _timer;
    private long _windowStart;
    private long _secondStart;
    private long _overflow; // events above the limit in this second
    private LogLevel _overflowLevel; // the highest of them, so that a filter by level keeps their sum

    public LogLimit(ILoggerProvider inner, TimeProvider time)
    {
        _inner = inner;
        _sums = inner.CreateLogger(typeof(LogLimit).FullName!);
        _time = time;
        _windowStart = _secondStart = time.GetTimestamp();
        _timer = time.CreateAlignedTimer(OnSecond, Second);
    }

    public ILogger CreateLogger(string categoryName) => new Limited(_inner.CreateLogger(categoryName), categoryName, this);

    /// <summary>Writes the last sums. <see cref="ProgramLogging"/> flushes and closes the inner provider.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
        {
            EndWindow();
            LogOverflow();
        }
    }

    [LoggerMessage(Message = "… and {Count} more in the last {Seconds} s: {Template}")]
    private static partial void MoreOfAKind(ILogger logger, LogLevel level, long count, int seconds, string template);

    [LoggerMessage(Message = "… and {Count} more of several kinds in the last {Seconds} s: the limit is {Limit} lines per second")]
    private static partial void MoreOfAll(ILogger logger, LogLevel level, long count, int seconds, int limit);

    /// <summary>Returns whether to write an event now; otherwise counts it.</summary>
    private bool Admits(Kind kind, Exception? exception, ILogger logger)
    {
        lock (_lock)
        {
            Repetitions repetitions = Find(kind, logger);
            if (repetitions.Written == FirstOfAKind)
            {
                repetitions.Skipped++;
                return false;
            }

            // LinesOf makes a text of the stack: too slow for a flood of exceptions.
            int room = (kind.Level >= LogLevel.Warning ? OrdinaryLines : DetailLines) - RecentLines();
            int lines = room > 0 ? LinesOf(exception) : 1;
            if (lines > room)
            {
                AddOverflow(1, kind.Level);
                return false;
            }

            repetitions.Written++;
            AddRecent(lines);
            return true;
        }
    }

    /// <summary>Counts the lines of an event that is always written.</summary>
    private void Note(Exception? exception)
    {
        lock (_lock)
        {
            AddRecent(LinesOf(exception));
        }
    }

    private static int LinesOf(Exception? exception) => exception is null ? 1 : 1 + ExceptionLines.CountOf(exception);

    private void OnSecond()
    {
        lock (_lock)
        {
            if (_time.GetElapsedTime(_windowStart) >= Window)
            {
                EndWindow();
            }

            LogOverflow();
        }
    }

    private Repetitions Find(Kind kind, ILogger logger)
    {
        if (_kinds.TryGetValue(kind, out Repetitions? found))
        {
            return found;
        }

        if (_kinds.Count >= MaxKinds)
        {
            kind = new Kind("", 0, kind.Level, "(events of other kinds)");
            logger = _sums;
        }

        return _kinds.TryGetValue(kind, out found) ? found : _kinds[kind] = new Repetitions(logger);
    }

    private void EndWindow()
    {
        int seconds = SecondsSince(_windowStart);
        foreach ((Kind kind, Repetitions repetitions) in _kinds.Where(pair => pair.Value.Skipped > 0))
        {
            if (RecentLines() < OrdinaryLines)
            {
                AddRecent(1);
                MoreOfAKind(repetitions.Logger, kind.Level, repetitions.Skipped, seconds, kind.Template);
            }
            else
            {
                AddOverflow(repetitions.Skipped, kind.Level);
            }
        }

        _kinds.Clear();
        _windowStart = _time.GetTimestamp();
    }

    private void LogOverflow()
    {
        if (_overflow > 0)
        {
            AddRecent(1);
            int seconds = SecondsSince(_secondStart);
            MoreOfAll(_sums, _overflowLevel, _overflow, seconds, LinesPerSecond);
            (_overflow, _overflowLevel) = (0, LogLevel.Trace);
        }

        _secondStart = _time.GetTimestamp();
    }

    private void AddOverflow(long events, LogLevel level)
    {
        _overflow += events;
        _overflowLevel = level > _overflowLevel ? level : _overflowLevel;
    }

    private int SecondsSince(long start) => Math.Max(1, (int)Math.Round(_time.GetElapsedTime(start).TotalSeconds));

    /// <summary>Returns the lines of the last second, a sliding one: two fixed ones could have twice as many in a row.</summary>
    private int RecentLines()
    {
        while (_recent.TryPeek(out long oldest) && _time.GetElapsedTime(oldest) >= Second)
        {
            _recent.Dequeue();
        }

        return _recent.Count;
    }

    private void AddRecent(int lines)
    {
        long now = _time.GetTimestamp();
        for (int i = Math.Min(lines, LinesPerSecond - RecentLines()); i > 0; i--)
        {
            _recent.Enqueue(now);
        }
    }

    /// <summary>A kind of event; its events differ in their arguments only.</summary>
    private readonly record struct Kind(string Category, int EventId, LogLevel Level, string Template);

    private sealed class Repetitions(ILogger logger)
    {
        public ILogger Logger { get; } = logger;
        public int Written { get; set; }
        public long Skipped { get; set; }
    }

    /// <summary>A logger that asks the limit; an event that is not enabled costs nothing more.</summary>
    private sealed class Limited(ILogger inner, string category, LogLimit limit) : ILogger
    {
        private readonly bool _isAlwaysWritten =
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

            if (_isAlwaysWritten || logLevel == LogLevel.Critical)
            {
                limit.Note(exception);
            }
            else if (!limit.Admits(new Kind(category, eventId.Id, logLevel, TemplateOf(state)), exception, inner))
            {
                return;
            }

            inner.Log(logLevel, eventId, state, exception, formatter);
        }

        // Microsoft.Extensions.Logging puts the template last, by this name (FormattedLogValues).
        private static string TemplateOf<TState>(TState state) =>
            state is IReadOnlyList<KeyValuePair<string, object?>> { Count: > 0 } values
            && values[^1] is { Key: "{OriginalFormat}", Value: string text } ? text : "";
    }
}
