using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Hosting.Logging;

/// <summary>Bounds the log in front of all loggers and targets; held-back events are counted and summed up.</summary>
/// <remarks>
/// <para>Of each kind of event, the first <see cref="FirstOfAKind"/> in a <see cref="Window"/> are written, and one line at its end has the
/// number of the others. All kinds together are bounded per second, with the sum of the others in one line per second. So each event is
/// either written or in exactly one sum. Warnings and errors keep room that Debug and Information cannot take.</para>
/// <para>Never held back: Critical, and the categories that end in <see cref="LifecycleSuffix"/> or <see cref="ProgressSuffix"/>.</para>
/// <para>NLog's LimitingWrapper and whenRepeated cannot do this: both drop errors in a flood of Debug, neither counts what it drops, and
/// with Warn past them DotNetty's acceptor alone writes thousands of warnings per second. Any thread.</para>
/// </remarks>
internal sealed partial class LogLimit : ILoggerProvider
{
    /// <summary>Lines in any second, at most.</summary>
    public const int LinesPerSecond = 200;

    /// <summary>Those that may be held back. The rest is for the others: up to 20 per second of progress, start, stop, and the sums.</summary>
    public const int OrdinaryLines = 180;

    /// <summary>Those of Debug and Information: 10 lines stay free for warnings and errors.</summary>
    public const int DetailLines = 170;

    /// <summary>Events of one kind that are written in a window.</summary>
    public const int FirstOfAKind = 20;

    /// <summary>Kinds counted separately in a window; later ones count as one, so that odd templates cannot use up memory.</summary>
    public const int MaxKinds = 256;

    /// <summary>The ending of a category with few lines, about the program itself.</summary>
    public const string LifecycleSuffix = ".Lifecycle";

    /// <summary>The ending of a category that bounds itself, at 20 lines per second.</summary>
    public const string ProgressSuffix = ".Progress";

    /// <summary>The time between two sums of one kind.</summary>
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
    private long _unfitting;
    private LogLevel _unfittingLevel;

    public LogLimit(ILoggerProvider inner, TimeProvider time)
    {
        _inner = inner;
        _sums = inner.CreateLogger(typeof(LogLimit).FullName!);
        _time = time;
        _windowStart = _secondStart = time.GetTimestamp();
        _timer = time.CreateTimer(_ => OnSecond(), null, Second, Second);
    }

    public ILogger CreateLogger(string categoryName) => new Limited(_inner.CreateLogger(categoryName), categoryName, this);

    /// <summary>Writes the last sums. <see cref="ProgramLogging"/> flushes and closes the inner provider.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
        {
            EndWindow();
            SumUnfitting();
        }
    }

    [LoggerMessage(Message = "… and {Count} more in the last {Seconds} s: {Template}")]
    private static partial void MoreOfAKind(ILogger logger, LogLevel level, long count, int seconds, string template);

    [LoggerMessage(Message = "… and {Count} more of several kinds in the last {Seconds} s, as the log is kept below {Limit} lines a second")]
    private static partial void MoreOfAll(ILogger logger, LogLevel level, long count, int seconds, int limit);

    /// <summary>Whether to write an event now; otherwise it has been counted.</summary>
    private bool Admits(Kind kind, Exception? exception, ILogger logger)
    {
        lock (_lock)
        {
            Repetitions repetitions = Find(kind, logger);
            if (repetitions.Written == FirstOfAKind)
            {
                repetitions.HeldBack++;
                return false;
            }

            // Before the stack becomes text, which takes long: a flood of exceptions would cost that.
            int room = (kind.Level >= LogLevel.Warning ? OrdinaryLines : DetailLines) - RecentLines();
            int lines = room > 0 ? LinesOf(exception) : 1;
            if (lines > room)
            {
                AddUnfitting(1, kind.Level);
                return false;
            }

            repetitions.Written++;
            AddRecent(lines);
            return true;
        }
    }

    /// <summary>Counts the lines of an event that is never held back; others have less room.</summary>
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

            SumUnfitting();
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
        foreach ((Kind kind, Repetitions repetitions) in _kinds.Where(pair => pair.Value.HeldBack > 0))
        {
            if (RecentLines() < OrdinaryLines)
            {
                AddRecent(1);
                MoreOfAKind(repetitions.Logger, kind.Level, repetitions.HeldBack, seconds, kind.Template);
            }
            else
            {
                AddUnfitting(repetitions.HeldBack, kind.Level);
            }
        }

        _kinds.Clear();
        _windowStart = _time.GetTimestamp();
    }

    private void SumUnfitting()
    {
        if (_unfitting > 0)
        {
            AddRecent(1);
            int seconds = SecondsSince(_secondStart);
            MoreOfAll(_sums, _unfittingLevel, _unfitting, seconds, LinesPerSecond);
            (_unfitting, _unfittingLevel) = (0, LogLevel.Trace);
        }

        _secondStart = _time.GetTimestamp();
    }

    /// <summary>The sum has the highest level of its events: a reader of one of them sees it.</summary>
    private void AddUnfitting(long events, LogLevel level)
    {
        _unfitting += events;
        _unfittingLevel = level > _unfittingLevel ? level : _unfittingLevel;
    }

    private int SecondsSince(long start) => Math.Max(1, (int)Math.Round(_time.GetElapsedTime(start).TotalSeconds));

    /// <summary>Lines of the last second: of any second, as twice as many would fit around the end of one by the clock.</summary>
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

    /// <summary>Two events of one kind differ in their arguments only.</summary>
    private readonly record struct Kind(string Category, int EventId, LogLevel Level, string Template);

    private sealed class Repetitions(ILogger logger)
    {
        public ILogger Logger { get; } = logger;

        public int Written { get; set; }

        public long HeldBack { get; set; }
    }

    /// <summary>A logger that writes what the limit admits; an event that is not enabled costs as much as without a limit.</summary>
    private sealed class Limited(ILogger inner, string category, LogLimit limit) : ILogger
    {
        private readonly bool _neverHeldBack =
            category.EndsWith(LifecycleSuffix, StringComparison.Ordinal) || category.EndsWith(ProgressSuffix, StringComparison.Ordinal);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!inner.IsEnabled(logLevel))
            {
                return;
            }

            if (_neverHeldBack || logLevel == LogLevel.Critical)
            {
                limit.Note(exception);
            }
            else if (!limit.Admits(new Kind(category, eventId.Id, logLevel, TemplateOf(state)), exception, inner))
            {
                return;
            }

            inner.Log(logLevel, eventId, state, exception, formatter);
        }

        // The template is the last of an event's values, by this name (Microsoft.Extensions.Logging, FormattedLogValues).
        private static string TemplateOf<TState>(TState state) =>
            state is IReadOnlyList<KeyValuePair<string, object?>> { Count: > 0 } values && values[^1] is { Key: "{OriginalFormat}", Value: string text }
                ? text
                : "";
    }
}
