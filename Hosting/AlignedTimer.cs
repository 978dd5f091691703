namespace DotNettyFraming.Hosting;

/// <summary>Periodic timers that tick together, at whole multiples of their period.</summary>
/// <remarks>
/// Waking the threads of timers and of the pool costs more than the ticks. Measured: 4.4 ms of CPU time per second, 1.5 aligned.
/// </remarks>
internal static class AlignedTimer
{
    /// <summary>Starts a timer whose ticks coincide with those of other timers with this period.</summary>
    public static ITimer CreateAlignedTimer(this TimeProvider time, Action tick, TimeSpan period)
    {
        TimeSpan sinceTick = new(time.GetElapsedTime(0).Ticks % period.Ticks);
        return time.CreateTimer(_ => tick(), null, period - sinceTick, period);
    }
}
