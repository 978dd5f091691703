namespace DotNettyFraming.Transport.EventLoops;

/// <summary>The decision which thread ends the loop's wait: one eventfd write per sleep, and no lost wake-up.</summary>
/// <remarks>
/// The loop announces sleep (full fence), checks the queue, and waits. Other threads add a task (full fence) and check the
/// state. In every interleaving one of the two sees the other.
/// </remarks>
internal sealed class WakeUp(EpollPoller poller)
{
    /// <summary>The loop runs and will check its queue before it sleeps.</summary>
    private const int Awake = 0;

    /// <summary>The loop waits or is about to; the first thread to exchange this for <see cref="Awake"/> wakes it.</summary>
    private const int Polling = 1;

    private int _state = Awake;

    /// <summary>The threads that may be writing to the eventfd, which must not be closed meanwhile.</summary>
    private int _wakersInFlight;

    /// <summary>Announces sleep. The loop's thread, which then checks its queue.</summary>
    public void BeforeWait() => Interlocked.Exchange(ref _state, Polling);

    /// <summary>Announces the end of the wait. The loop's thread.</summary>
    public void AfterWait() => Volatile.Write(ref _state, Awake);

    /// <summary>Ends the loop's wait if it waits. Any thread, after a full fence.</summary>
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

    /// <summary>Waits until no thread writes to the eventfd. The loop's thread, at its end.</summary>
    /// <remarks>A later <see cref="Signal"/> finds <see cref="Awake"/> and writes nothing.</remarks>
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
