namespace DotNettyFraming.LoadClient.Sending;

/// <summary>One event loop's view of the time: looked at once a write, and good for everything in between.</summary>
/// <remarks>Packets are stamped with a whole second, so the date is computed once a second and not once a write.
/// Used on its event loop only.</remarks>
internal sealed class LoopClock(TimeProvider clock)
{
    private long _secondEnds = long.MinValue;
    private uint _unixSecond;

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

    public long Look() => Now = clock.GetTimestamp();

    public TimeSpan Between(long start, long end) => clock.GetElapsedTime(start, end);

    public long InTimestamps(TimeSpan time) => (long)(time.TotalSeconds * clock.TimestampFrequency);
}
