namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>The number of hostile connections that may start now. Used on the event loop, except <see cref="HeldBack"/>.</summary>
/// <remarks>
/// While the attack lasts:
/// <code>
/// RatePerSecond         connection n is due n / rate seconds after the first
/// else ComesAgain       N at a time: a new one for each that has ended
/// else                  N, once
/// </code>
/// </remarks>
internal sealed class AttackPace(AbuseOptions options, TimeProvider clock)
{
    /// <summary>A connection that is late by more is skipped, so that no wave follows a stall of the server.</summary>
    internal static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(1);

    private TimeSpan _attackFor;
    private long _beganAt;
    private long _started;
    private long _heldBack;
    private int _failedSinceTick;
    private bool _stopped;

    /// <summary>With a rate: connections that were due and skipped, as N were open or attempts took too long. Any thread.</summary>
    public long HeldBack => Volatile.Read(ref _heldBack);

    /// <summary>The duration of the attack so far, never more than planned.</summary>
    public TimeSpan Elapsed => TimeSpan.FromTicks(Math.Min(clock.GetElapsedTime(_beganAt).Ticks, _attackFor.Ticks));

    /// <summary>Whether no further connection will be started.</summary>
    public bool IsOver => _stopped || (options.RatePerSecond is int rate
        ? Elapsed == _attackFor && _started + _heldBack >= DueAt(_attackFor, rate)
        : Elapsed == _attackFor || (!ComesAgain && _started == options.Connections));

    private bool ComesAgain => options.Kind.ComesAgain;

    public void Begin(TimeSpan attackFor)
    {
        _attackFor = attackFor;
        _beganAt = clock.GetTimestamp();
    }

    /// <summary>Ends the attack early; connections that are due are dropped.</summary>
    public void Stop()
    {
        _attackFor = Elapsed;
        _stopped = true;
    }

    /// <summary>Returns how many connections may start now.</summary>
    public int MayStart(int alive)
    {
        if (_stopped)
        {
            return 0;
        }

        int room = Math.Max(0, options.Connections - alive);
        if (options.RatePerSecond is int rate)
        {
            return DueNow(rate, room);
        }

        return Elapsed == _attackFor ? 0
            : ComesAgain ? Math.Max(0, room - _failedSinceTick)
            : (int)(options.Connections - _started);
    }

    public void Started() => _started++;

    /// <summary>Counts a failed attempt. A flood retries at the next tick: without free ports each attempt fails in microseconds.</summary>
    public void Failed() => _failedSinceTick++;

    public void Tick() => _failedSinceTick = 0;

    /// <summary>Returns the connections due until then, the one at the start included.</summary>
    private static long DueAt(TimeSpan elapsed, int rate) => (long)Math.Ceiling(elapsed.Ticks * (decimal)rate / TimeSpan.TicksPerSecond);

    private int DueNow(int rate, int room)
    {
        TimeSpan elapsed = clock.GetElapsedTime(_beganAt);
        TimeSpan tooLate = TimeSpan.FromTicks(Math.Min((elapsed - MaxDelay).Ticks, _attackFor.Ticks));
        HoldBack(DueAt(tooLate, rate) - _started - _heldBack);

        // One tick more, so that a connection due exactly now counts.
        TimeSpan until = TimeSpan.FromTicks(Math.Min(elapsed.Ticks + 1, _attackFor.Ticks));
        long due = DueAt(until, rate) - _started - _heldBack;
        HoldBack(due - room);
        return (int)Math.Clamp(due, 0, room);
    }

    private void HoldBack(long connections)
    {
        if (connections > 0)
        {
            Volatile.Write(ref _heldBack, _heldBack + connections);
        }
    }
}
