namespace DotNettyFraming.LoadClient.Sending;

/// <summary>One event loop's view of the time: looked at once a write, and good for everything in between.</summary>
/// <remarks>Packets are stamped with a whole second, so the date is computed once a second and not once a write.
/// Used on its event loop only.</remarks>
internal sealed class LoopClock(TimeProvider clock)
{
    private long _secondEnds = long.MinValue;
    private uint _unixSecond;

    /// <summary>The timestamp last looked at.</summary>
    public long Now { get; private set; } = clock.GetTimestamp();

    /// <summary>Unix time at <see cref="Now"/>, seconds.</summary>
    public uint UnixSecond
    {
        get
        {
            if (Now >= _secondEnds)
            {
                DateTimeOffset date = clock.GetUtcNow();
                var rest = TimeSpan.FromTicks(TimeSpan.TicksPerSecond - (date.Ticks % TimeSpan.TicksPerSecond));
                _unixSecond = (uint)date.ToUnixTimeSeconds();
                _secondEnds = Now + InTimestamps(rest);
            }

            return _unixSecond;
        }
    }

    /// <summary>Looks at the clock.</summary>
    /// <returns>The timestamp.</returns>
    public long Look() => Now = clock.GetTimestamp();

    /// <summary>The time from one timestamp to another.</summary>
    public TimeSpan Between(long start, long end) => clock.GetElapsedTime(start, end);

    /// <summary>A time in units of timestamps.</summary>
    public long InTimestamps(TimeSpan time) => (long)(time.TotalSeconds * clock.TimestampFrequency);
}
