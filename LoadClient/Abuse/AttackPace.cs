namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>How many hostile connections may be begun at a moment. Used on the event loop, except <see cref="HeldBack"/>.</summary>
/// <remarks>
/// <code>
/// RatePerSecond         n-th one is due n / rate seconds after the first, as long as the attack lasts
/// else ComesAgain       as many as are missing to N, as long as the attack lasts
/// else                  N, once, as long as the attack lasts
/// </code>
/// </remarks>
internal sealed class AttackPace(AbuseOptions options, TimeProvider clock)
{
    /// <summary>
    /// A connection that is due and cannot be begun for so long is not begun any more: no wave follows a stall of the server.
    /// </summary>
    internal static readonly TimeSpan MostLate = TimeSpan.FromSeconds(1);

    private TimeSpan _attackFor;
    private long _beganAt;
    private long _begun;
    private long _heldBack;
    private int _failedSinceTick;
    private bool _stopped;

    /// <summary>With a rate: connections that were due and not begun, as N were open or attempts took too long. Any thread.</summary>
    public long HeldBack => Volatile.Read(ref _heldBack);

    /// <summary>How long the attack has lasted, at most as long as it was to last.</summary>
    public TimeSpan Elapsed => TimeSpan.FromTicks(Math.Min(clock.GetElapsedTime(_beganAt).Ticks, _attackFor.Ticks));

    /// <summary>No connection will be begun any more.</summary>
    public bool IsOver => _stopped || (options.RatePerSecond is int rate
        ? Elapsed == _attackFor && _begun + _heldBack >= DueAt(_attackFor, rate)
        : Elapsed == _attackFor || (!ComesAgain && _begun == options.Connections));

    private bool ComesAgain => options.Kind.ComesAgain;

    public void Begin(TimeSpan attackFor)
    {
        _attackFor = attackFor;
        _beganAt = clock.GetTimestamp();
    }

    /// <summary>Ends the attack before its time; what was due and not begun is forgotten.</summary>
    public void Stop()
    {
        _attackFor = Elapsed;
        _stopped = true;
    }

    /// <summary>How many may be begun now.</summary>
    public int MayBegin(int alive)
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
            : (int)(options.Connections - _begun);
    }

    public void Begun() => _begun++;

    /// <summary>
    /// One could not be made. A flood tries again at the next tick, and not at once: where the ports are used up each attempt fails in
    /// microseconds, and the loop would do nothing else.
    /// </summary>
    public void Failed() => _failedSinceTick++;

    public void Tick() => _failedSinceTick = 0;

    /// <summary>Connections due in the first part of the attack, the one at its beginning included.</summary>
    private static long DueAt(TimeSpan elapsed, int rate) => (long)Math.Ceiling(elapsed.Ticks * (decimal)rate / TimeSpan.TicksPerSecond);

    private int DueNow(int rate, int room)
    {
        TimeSpan elapsed = clock.GetElapsedTime(_beganAt);
        TimeSpan tooLate = TimeSpan.FromTicks(Math.Min((elapsed - MostLate).Ticks, _attackFor.Ticks));
        HoldBack(DueAt(tooLate, rate) - _begun - _heldBack);

        // A tick more: what is due at this very moment is due.
        TimeSpan until = TimeSpan.FromTicks(Math.Min(elapsed.Ticks + 1, _attackFor.Ticks));
        long due = DueAt(until, rate) - _begun - _heldBack;
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
