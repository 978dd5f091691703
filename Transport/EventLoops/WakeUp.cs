namespace DotNettyFraming.Transport.EventLoops;

/// <summary>
/// Decides which of many threads has to end the loop's wait, so that each sleep costs one eventfd write and no task is
/// left lying while the loop sleeps.
/// </summary>
/// <remarks>
/// Loop: announce sleep (full fence), look at the queue once more, wait. Others: add a task (full fence), look at the
/// state. Whatever the interleaving, one of the two sees the other.
/// </remarks>
internal sealed class WakeUp(EpollPoller poller)
{
    /// <summary>The loop runs, and will look at its queue before it sleeps.</summary>
    private const int Awake = 0;

    /// <summary>The loop waits, or is about to; the first to exchange this for <see cref="Awake"/> owes it a wake-up.</summary>
    private const int Polling = 1;

    private int _state = Awake;

    /// <summary>Threads between winning the exchange and having written; the eventfd may not be closed under them.</summary>
    private int _wakersInFlight;

    /// <summary>Announces sleep. The loop's thread; the queue has to be looked at afterwards.</summary>
    public void BeforeWait() => Interlocked.Exchange(ref _state, Polling);

    /// <summary>The wait is over. The loop's thread.</summary>
    public void AfterWait() => Volatile.Write(ref _state, Awake);

    /// <summary>Ends the loop's wait if it waits. Any thread, after a full fence behind what the loop shall see.</summary>
    public void Signal()
    {
        if (Volatile.Read(ref _state) != Polling)
        {
            return;
        }

        Interlocked.Increment(ref _wakersInFlight);
        if (Interlocked.CompareExchange(ref _state, Awake, Polling) == Polling)
        {
            poller.Wake();
        }

        Interlocked.Decrement(ref _wakersInFlight);
    }

    /// <summary>
    /// Waits until no thread is inside <see cref="Signal"/> with a right to write. The loop's thread, for the last time
    /// awake: whoever enters from here on finds <see cref="Awake"/> and writes nothing.
    /// </summary>
    public void AwaitWakers()
    {
        AfterWait();
        Interlocked.MemoryBarrier();
        var spin = default(SpinWait);
        while (Volatile.Read(ref _wakersInFlight) != 0)
        {
            spin.SpinOnce();
        }
    }
}
