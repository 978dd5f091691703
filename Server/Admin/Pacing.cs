namespace DotNettyFraming.Server.Admin;

/// <summary>Limits calls per second after a burst; other calls wait, first come, first served.</summary>
/// <remarks>
/// Calls reserve times, so no timer runs while none waits. The number of waiting calls is bounded by
/// <see cref="AdminLimits.Connections"/>. Any thread.
/// </remarks>
internal sealed class Pacing
{
    private readonly TimeProvider _time;
    private readonly long _interval;
    private readonly long _burst;
    private readonly Lock _reserving = new();
    private long _next;

    /// <summary>Creates a limit of calls per second; after a long enough pause, a burst of calls does not wait.</summary>
    public Pacing(int perSecond, int burst, TimeProvider time)
    {
        _time = time;
        _interval = time.TimestampFrequency / perSecond;
        _burst = _interval * (burst - 1);
        _next = time.GetTimestamp() - _burst;
    }

    /// <summary>Completes when it is the caller's turn.</summary>
    /// <exception cref="OperationCanceledException">Cancelled. The turn is given back: else clients that connect and leave would make the
    /// queue ever longer.</exception>
    public async ValueTask TurnAsync(CancellationToken cancellationToken)
    {
        TimeSpan wait = Reserve();
        if (wait <= TimeSpan.Zero)
        {
            return;
        }

        try
        {
            await Task.Delay(wait, _time, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            lock (_reserving)
            {
                _next -= _interval;
            }

            throw;
        }
    }

    /// <summary>Reserves the next turn, and returns the time until then; zero or less is now.</summary>
    internal TimeSpan Reserve()
    {
        long now = _time.GetTimestamp();
        lock (_reserving)
        {
            long turn = Math.Max(_next, now - _burst);
            _next = turn + _interval;
            return _time.GetElapsedTime(now, turn);
        }
    }
}
