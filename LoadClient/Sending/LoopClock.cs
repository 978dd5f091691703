namespace DotNettyFraming.LoadClient.Sending;

/// <summary>The time on one event loop, read once per write. Used on that loop only.</summary>
/// <remarks>Packets carry whole seconds, so the date is computed once per second and not per write.</remarks>
internal sealed class LoopClock(TimeProvider clock)
{
    private long _secondEnds = long.MinValue;
    private uint _unixSecond;

    public long Now { get; private set; } = clock.GetTimestamp();

    /// <summary>The Unix time at <see cref="Now"/>, in seconds.</summary>
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

    public long Read() => Now = clock.GetTimestamp();

    public TimeSpan Between(long start, long end) => clock.GetElapsedTime(start, end);

    public long InTimestamps(TimeSpan time) => (long)(time.TotalSeconds * clock.TimestampFrequency);
}
