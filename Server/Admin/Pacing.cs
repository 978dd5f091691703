namespace DotNettyFraming.Server.Admin;

/// <summary>Limits calls per second after a burst; the others wait for their turn, in order.</summary>
/// <remarks>
/// A queue of reservations: no timer turns while nobody waits, as that of a token bucket does. It has no bound of its own; who waits is
/// bounded by <see cref="AdminLimits.Connections"/>. Any thread.
/// </remarks>
internal sealed class Pacing
{
    private readonly TimeProvider _time;
    private readonly long _interval;
    private readonly long _burst;
    private readonly Lock _reserving = new();
    private long _next;

    /// <param name="perSecond">How many a second.</param>
    /// <param name="burst">How many at once, after a pause that is long enough.</param>
    /// <param name="time">The clock.</param>
    public Pacing(int perSecond, int burst, TimeProvider time)
    {
        _time = time;
        _interval = time.TimestampFrequency / perSecond;
        _burst = _interval * (burst - 1);
        _next = time.GetTimestamp() - _burst;
    }

    /// <summary>Completes when it is the caller's turn.</summary>
    /// <exception cref="OperationCanceledException">Who waited is gone. Somebody else can have the turn: else whoever asks and goes away,
    /// over and over, would make the queue ever longer.</exception>
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

    /// <summary>Takes the next turn.</summary>
    /// <returns>How long it is until then; zero or less is now.</returns>
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
