namespace DotNettyFraming.Server.Pipeline;

/// <summary><c>--max-buffered</c>: memory that may be held for packets that are not whole yet, over all connections.</summary>
/// <remarks>
/// The event loops lease it in steps as their connections' tails grow (<see cref="LoopBudget"/>), so the packet path shares nothing. A
/// lease beyond the limit is given all the same, and told: whoever has held a part for the longest is closed then, on whichever loop
/// (<see cref="BufferRelief"/>), and not whoever happens to grow. That takes a few turns of the loops, which can be long ones; so beyond
/// <see cref="MostBytes"/> a loop that goes on leasing closes its own longest-held at once. Any thread.
/// </remarks>
/// <param name="limitBytes">The limit.</param>
/// <param name="eventLoops">How many event loops share it.</param>
internal sealed class BufferBudget(long limitBytes, int eventLoops)
{
    /// <summary>A collection is worth while for no less: with a budget of 1 MiB, every second tail that is closed would stop the loops.</summary>
    private const long LeastCollected = 8 * 1024 * 1024;

    private readonly long _collectEvery = Math.Max(limitBytes / 16, LeastCollected);
    private long _leased;
    private long _shed;

    /// <summary>The limit, bytes.</summary>
    public long LimitBytes => limitBytes;

    /// <summary>Above this, loops do not wait for a relief: a sixteenth above the limit, bytes.</summary>
    public long MostBytes { get; } = limitBytes + (limitBytes / 16);

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

    /// <summary>Connections were closed for what they held.</summary>
    /// <remarks>
    /// Let go is not free: without a collection the next tails are allocated beside the old ones. It stops the loops for 20 to 30 ms each time
    /// that a sixteenth of the budget has been let go, and never for less than 8 MiB.
    /// </remarks>
    /// <param name="bytes">How much.</param>
    public void Shed(long bytes)
    {
        // Whoever takes the sum away collects; another loop that saw it too finds it gone.
        if (Interlocked.Add(ref _shed, bytes) >= _collectEvery && Interlocked.Exchange(ref _shed, 0) >= _collectEvery)
        {
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: false);
        }
    }

    /// <summary>Gives a step back.</summary>
    public void GiveBack() => Interlocked.Add(ref _leased, -StepBytes);
}
