using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Metrics;

/// <summary>Logs <c>processed 3000000 packets</c>, a line for each multiple of <c>--report-every</c>.</summary>
/// <remarks>
/// The packet path knows nothing of it: a timer looks at the counters every <see cref="Interval"/>. Where a line for each
/// multiple would pass <see cref="MaxLinesPerSecond"/>, only the newest is written.
/// </remarks>
internal sealed class ProgressReport : IDisposable
{
    /// <summary>How often the counters are looked at; a line may be late by so much, and must not be by 1 s.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    /// <summary>Lines in any second, at most.</summary>
    public const int MaxLinesPerSecond = 20;

    private readonly Func<long> _processed;
    private readonly long _every;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Queue<long> _written = new(MaxLinesPerSecond);
    private readonly ITimer _timer;
    private readonly Lock _oneAtATime = new();
    private long _reported;

    /// <summary>Starts reporting.</summary>
    /// <param name="processed">Packets processed so far.</param>
    /// <param name="every">Packets between two lines, at least 1.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where the lines go.</param>
    public ProgressReport(Func<long> processed, long every, TimeProvider time, ILogger logger)
    {
        _processed = processed;
        _every = every;
        _time = time;
        _logger = logger;
        _timer = time.CreateTimer(_ => Report(), null, Interval, Interval);
    }

    /// <summary>Stops the timer, and reports what was processed since its last tick.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        Report();
    }

    private void Report()
    {
        lock (_oneAtATime)
        {
            long newest = _processed() / _every;
            int room = Room();
            if (newest == _reported || room == 0)
            {
                return;
            }

            long first = newest - _reported <= room ? _reported + 1 : newest;
            for (long multiple = first; multiple <= newest; multiple++)
            {
                _logger.PacketsProcessed(multiple * _every);
                _written.Enqueue(_time.GetTimestamp());
            }

            _reported = newest;
        }
    }

    /// <summary>How many lines may be written now without passing the limit.</summary>
    private int Room()
    {
        while (_written.TryPeek(out long oldest) && _time.GetElapsedTime(oldest) >= TimeSpan.FromSeconds(1))
        {
            _written.Dequeue();
        }

        return MaxLinesPerSecond - _written.Count;
    }
}
