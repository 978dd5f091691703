namespace DotNettyFraming.Server.Limits;

/// <summary><c>--max-buffered</c>: memory for unfinished packets, PROXY headers and TLS handshakes of all connections.</summary>
/// <remarks>
/// Three calls: take, give back, and shed the oldest. Taking never fails and never closes a connection: it happens inside a decoder. Above
/// the limit each event loop closes the connections that hold memory longest, at the end of its current read or in a task, until an eighth
/// of the limit is free. A change costs one atomic addition, at most twice per read. Any thread.
/// </remarks>
/// <param name="limitBytes">The limit.</param>
/// <param name="eventLoops">The number of event loops that share it.</param>
internal sealed class BufferBudget(long limitBytes, int eventLoops)
{
    /// <summary>The least memory worth a collection: with a budget of 1 MiB, every second packet shed would stop the loops.</summary>
    private const long LeastCollected = 8 * 1024 * 1024;

    private readonly long _collectEvery = Math.Max(limitBytes / 16, LeastCollected);
    private long _held;
    private long _shed;

    /// <summary>Bytes held by all loops.</summary>
    public long HeldBytes => Interlocked.Read(ref _held);

    /// <summary>Asks every event loop to shed. Called inside decoders, for each growth above the limit.</summary>
    public Action? Exceeded { get; set; }

    /// <summary>Counts memory that a connection takes.</summary>
    public void Take(int bytes)
    {
        if (Interlocked.Add(ref _held, bytes) > limitBytes)
        {
            Exceeded?.Invoke();
        }
    }

    /// <summary>Counts memory that a connection gives back.</summary>
    public void GiveBack(int bytes) => Interlocked.Add(ref _held, -bytes);

    /// <summary>Returns the bytes that one loop must shed, in proportion to what its connections hold; 0 below the limit.</summary>
    /// <param name="loopBytes">The bytes that the loop's connections hold.</param>
    /// <param name="mayPass">Whether the last connection shed may exceed the share. Only on a loop that holds at least the average, so that
    /// at least one loop closes a connection, and not every loop for a fraction of one.</param>
    public long ShareToShed(long loopBytes, out bool mayPass)
    {
        long held = HeldBytes;
        mayPass = loopBytes >= held / eventLoops;
        return held <= limitBytes ? 0 : (long)((double)loopBytes / held * (held - limitBytes + (limitBytes / 8)));
    }

    /// <summary>Collects garbage after enough was shed; otherwise the next packets are allocated next to it.</summary>
    /// <param name="bytes">The bytes shed now.</param>
    public void CollectAfterShedding(long bytes)
    {
        // The loop that takes the sum collects; another loop that saw the sum finds 0.
        if (Interlocked.Add(ref _shed, bytes) >= _collectEvery && Interlocked.Exchange(ref _shed, 0) >= _collectEvery)
        {
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: false);
        }
    }
}
