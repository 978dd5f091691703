namespace DotNettyFraming.Server.Pipeline;

/// <summary><c>--max-buffered</c>: memory that may be held for packets that are not whole yet, over all connections.</summary>
/// <remarks>
/// The event loops lease it in steps as their connections' tails grow (<see cref="LoopBudget"/>), so the packet path shares nothing. A
/// lease beyond the limit is given all the same, and told: whoever has held a part for the longest is closed then
/// (<see cref="BufferRelief"/>), and not whoever happens to grow. Any thread.
/// </remarks>
/// <param name="limitBytes">The limit.</param>
/// <param name="eventLoops">How many event loops share it.</param>
internal sealed class BufferBudget(long limitBytes, int eventLoops)
{
    private long _leased;

    /// <summary>The limit, bytes.</summary>
    public long LimitBytes => limitBytes;

    /// <summary>Bytes of one lease: 1 MiB, and less where the loops' steps, mostly unused, would be a large part of the limit.</summary>
    public long StepBytes { get; } = Math.Clamp(limitBytes / (16L * eventLoops), 4 * 1024, 1024 * 1024);

    /// <summary>Bytes leased by all loops.</summary>
    public long LeasedBytes => Interlocked.Read(ref _leased);

    /// <summary>Called where more than the limit is leased; on the event loop that took the last lease, so it must return soon.</summary>
    public Action? Exhausted { get; set; }

    /// <summary>Leases a step.</summary>
    public void Take()
    {
        if (Interlocked.Add(ref _leased, StepBytes) > limitBytes)
        {
            Exhausted?.Invoke();
        }
    }

    /// <summary>Gives a step back.</summary>
    public void GiveBack() => Interlocked.Add(ref _leased, -StepBytes);
}
