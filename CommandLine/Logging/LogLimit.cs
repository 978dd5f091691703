using Microsoft.Extensions.Logging;

namespace DotNettyFraming.CommandLine.Logging;

/// <summary>Bounds what the log may become, whatever peers do and at whatever level; what it holds back, it counts and sums up.</summary>
/// <remarks>
/// <para>Of each <see cref="LogEventKind"/>, the first <see cref="FirstOfAKind"/> events of a window of <see cref="Window"/> are written;
/// one line at the window's end says how many more there were. Over all kinds together, <see cref="OrdinaryLines"/> lines in any second
/// are written; one line a second says how many events did not fit. So each event is either written or in exactly one sum.</para>
/// <para>The case that matters is an operator who turns on Debug in the middle of an attack: his disk must not fill, and the lines that
/// he looks for must not drown.</para>
/// <para>Any thread.</para>
/// </remarks>
internal sealed class LogLimit : IDisposable
{
    /// <summary>Lines in any second, at most.</summary>
    public const int LinesPerSecond = 200;

    /// <summary>Those of them that may be held back. The rest is room for the ones that never are (up to 20 a second of progress, a
    /// few about start and stop), for the sum of what did not fit, and for threads that are late in writing what they were allowed.</summary>
    public const int OrdinaryLines = 170;

    /// <summary>Events of one kind that are written in a window.</summary>
    public const int FirstOfAKind = 20;

    /// <summary>Kinds that are told apart in a window; those after count as one, so that odd templates cannot use up memory either.</summary>
    public const int MaxKinds = 256;

    /// <summary>How long repetitions are counted before their sum is written.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    private static readonly LogEventKind AnyOther = new("", 0, LogLevel.None, "(events of other kinds)");

    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly Dictionary<LogEventKind, Repetitions> _kinds = [];
    private readonly RecentLines _recent;
    private readonly ITimer _timer;
    private long _windowStart;
    private long _tickStart;
    private long _unfitting;
    private LogLevel _unfittingLevel;

    /// <summary>Starts with nothing counted.</summary>
    /// <param name="logger">Where the sums over several kinds go; not one that is itself limited.</param>
    /// <param name="time">The clock.</param>
    public LogLimit(ILogger logger, TimeProvider time)
    {
        _logger = logger;
        _time = time;
        _recent = new RecentLines(LinesPerSecond, time);
        _windowStart = _tickStart = time.GetTimestamp();
        _timer = time.CreateTimer(_ => OnTick(), null, Tick, Tick);
    }

    /// <summary>Whether an event is to be written now; if not, it has been counted.</summary>
    /// <param name="kind">What it is.</param>
    /// <param name="exception">What will be written below it.</param>
    /// <param name="logger">Where the sum of its like is to go.</param>
    public bool Admits(LogEventKind kind, Exception? exception, ILogger logger)
    {
        lock (_lock)
        {
            Repetitions repetitions = Find(ref kind, logger);
            if (repetitions.Written == FirstOfAKind)
            {
                repetitions.HeldBack++;
                return false;
            }

            // Looked at before the stack is made into text, which takes long and is what a flood of exceptions would make us do.
            int room = OrdinaryLines - _recent.Count();
            int lines = room > 0 && exception is not null ? 1 + ExceptionLines.CountOf(exception) : 1;
            if (lines > room)
            {
                AddUnfitting(1, kind.Level);
                return false;
            }

            repetitions.Written++;
            _recent.Add(lines);
            return true;
        }
    }

    /// <summary>Notes an event that is never held back; others have that much less room.</summary>
    public void Note(Exception? exception)
    {
        lock (_lock)
        {
            _recent.Add(exception is null ? 1 : 1 + ExceptionLines.CountOf(exception));
        }
    }

    /// <summary>Writes the sums of what was held back since the last ones. Afterwards the limit holds, but nobody is told.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_lock)
        {
            EndWindow();
            TellUnfitting();
        }
    }

    private void OnTick()
    {
        lock (_lock)
        {
            if (_time.GetElapsedTime(_windowStart) >= Window)
            {
                EndWindow();
            }

            TellUnfitting();
        }
    }

    private Repetitions Find(ref LogEventKind kind, ILogger logger)
    {
        if (_kinds.TryGetValue(kind, out Repetitions? found))
        {
            return found;
        }

        if (_kinds.Count >= MaxKinds)
        {
            kind = AnyOther with { Level = kind.Level };
            logger = _logger;
            if (_kinds.TryGetValue(kind, out found))
            {
                return found;
            }
        }

        return _kinds[kind] = new Repetitions(logger);
    }

    private void EndWindow()
    {
        int seconds = SecondsSince(_windowStart);
        foreach ((LogEventKind kind, Repetitions repetitions) in _kinds)
        {
            if (repetitions.HeldBack == 0)
            {
                continue;
            }

            if (_recent.Count() < OrdinaryLines)
            {
                _recent.Add(1);
                repetitions.Logger.MoreOfAKind(kind.Level, repetitions.HeldBack, seconds, kind.Template);
            }
            else
            {
                AddUnfitting(repetitions.HeldBack, kind.Level);
            }
        }

        _kinds.Clear();
        _windowStart = _time.GetTimestamp();
    }

    private void TellUnfitting()
    {
        if (_unfitting > 0)
        {
            int seconds = SecondsSince(_tickStart);
            _recent.Add(1);
            _logger.MoreOfAll(_unfittingLevel, _unfitting, seconds, LinesPerSecond);
            (_unfitting, _unfittingLevel) = (0, LogLevel.Trace);
        }

        _tickStart = _time.GetTimestamp();
    }

    // At the highest level of those that it stands for: whoever would have seen one of them sees their sum.
    private void AddUnfitting(long events, LogLevel level)
    {
        _unfitting += events;
        _unfittingLevel = level > _unfittingLevel ? level : _unfittingLevel;
    }

    private int SecondsSince(long start) => Math.Max(1, (int)Math.Round(_time.GetElapsedTime(start).TotalSeconds));

    /// <summary>What happened to one kind of event in this window.</summary>
    private sealed class Repetitions(ILogger logger)
    {
        public ILogger Logger { get; } = logger;

        public int Written { get; set; }

        public long HeldBack { get; set; }
    }
}
