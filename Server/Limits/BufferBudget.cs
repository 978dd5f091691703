namespace DotNettyFraming.Server.Limits;

/// <summary><c>--max-buffered</c>: memory for unfinished packets, PROXY headers and TLS handshakes of all connections.</summary>
/// <remarks>
/// Take, give back, and shed the oldest. Taking never fails and never closes a connection: it happens inside a decoder. Above the limit
/// each event loop closes the connections which hold longest, at the end of its current read or in a task, until an eighth of the limit is
/// free (<see cref="ShareToShed"/>). One atomic addition per change, which is at most twice per read. Any thread.
/// </remarks>
/// <param name="limitBytes">The limit.</param>
/// <param name="eventLoops">The number of event loops that share it.</param>
internal sealed class BufferBudget(long limitBytes, int eventLoops)
{
    /// <summary>The least that is worth a collection: with a budget of 1 MiB, every second packet shed would stop the loops.</summary>
    private const long LeastCollected = 8 * 1024 * 1024;

    private readonly long _collectEvery = Math.Max(limitBytes / 16, LeastCollected);
    private long _held;
    private long _shed;

    /// <summary>Bytes held by all loops.</summary>
    public long HeldBytes => Interlocked.Read(ref _held);

    /// <summary>Asks every event loop to shed, soon. Called inside decoders, and again for each growth above the limit.</summary>
    public Action? Exceeded { get; set; }

    /// <summary>More memory is held.</summary>
    public void Take(int bytes)
    {
        if (Interlocked.Add(ref _held, bytes) > limitBytes)
        {
            Exceeded?.Invoke();
        }
    }

    /// <summary>Less memory is held.</summary>
    public void GiveBack(int bytes) => Interlocked.Add(ref _held, -bytes);

    /// <summary>The part of the excess that one loop has to shed, in proportion to what its connections hold.</summary>
    /// <param name="loopBytes">Bytes that the loop's connections hold.</param>
    /// <param name="mayPass">
    /// Whether the last connection shed may take the loop above its share: a loop that holds less than the average closes none for a
    /// fraction of one, and at least one loop does close.
    /// </param>
    /// <returns>Bytes; 0 below the limit.</returns>
    public long ShareToShed(long loopBytes, out bool mayPass)
    {
        long held = HeldBytes;
        mayPass = loopBytes >= held / eventLoops;
        return held <= limitBytes ? 0 : (long)((double)loopBytes / held * (held - limitBytes + (limitBytes / 8)));
    }

    /// <summary>Collects after enough was shed: without it, the next packets are allocated next to the garbage.</summary>
    /// <param name="bytes">Bytes that connections held which were closed for it.</param>
    public void CollectAfterShedding(long bytes)
    {
        // The loop that takes the sum collects; another loop that saw the sum too finds it gone.
        if (Interlocked.Add(ref _shed, bytes) >= _collectEvery && Interlocked.Exchange(ref _shed, 0) >= _collectEvery)
        {
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: false);
        }
    }
}
