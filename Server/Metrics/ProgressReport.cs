using DotNettyFraming.Hosting;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Metrics;

/// <summary>Logs <c>processed 3000000 packets</c>, one line for each multiple of <c>--report-every</c>.</summary>
/// <remarks>
/// A timer checks the counters, so the packet path pays nothing. If one line per multiple would exceed
/// <see cref="MaxLinesPerSecond"/>, it logs only the newest.
/// </remarks>
internal sealed class ProgressReport : IDisposable
{
    /// <summary>The time between two checks; a line must not be late by 1 s.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    /// <summary>The maximum of lines in any second.</summary>
    public const int MaxLinesPerSecond = 20;

    private readonly Func<long> _processed;
    private readonly long _every;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Queue<long> _written = new(MaxLinesPerSecond);
    private readonly ITimer _timer;
    private readonly Lock _oneAtATime = new();
    private long _reported;

    /// <summary>Starts reporting the growth of <paramref name="processed"/>, one line every <paramref name="every"/> packets.</summary>
    public ProgressReport(Func<long> processed, long every, TimeProvider time, ILogger logger)
    {
        _processed = processed;
        _every = every;
        _time = time;
        _logger = logger;
        _timer = time.CreateAlignedTimer(Report, Interval);
    }

    /// <summary>Stops the timer, and reports packets processed since its last tick.</summary>
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

    /// <summary>Returns the number of lines that the limit allows now.</summary>
    private int Room()
    {
        while (_written.TryPeek(out long oldest) && _time.GetElapsedTime(oldest) >= TimeSpan.FromSeconds(1))
        {
            _written.Dequeue();
        }

        return MaxLinesPerSecond - _written.Count;
    }
}
