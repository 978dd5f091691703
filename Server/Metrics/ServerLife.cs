namespace DotNettyFraming.Server.Metrics;

/// <summary>The server's phase and start time, for readiness probes. Any thread; phases only advance.</summary>
internal sealed class ServerLife(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private int _phase;

    /// <summary>The time since this was created, which is a moment before the server listens.</summary>
    public TimeSpan Uptime => time.GetElapsedTime(_start);

    /// <summary>The current phase.</summary>
    public ServerPhase Phase => (ServerPhase)Volatile.Read(ref _phase);

    /// <summary>Enters <see cref="ServerPhase.Serving"/>, unless a drain has started.</summary>
    public void BeginServing() => Interlocked.CompareExchange(ref _phase, (int)ServerPhase.Serving, (int)ServerPhase.Starting);

    /// <summary>Enters <see cref="ServerPhase.Draining"/>.</summary>
    public void BeginDraining() => Volatile.Write(ref _phase, (int)ServerPhase.Draining);
}

/// <summary>The phases of <see cref="ServerLife"/>.</summary>
internal enum ServerPhase
{
    /// <summary>Not listening yet.</summary>
    Starting,

    /// <summary>Listening.</summary>
    Serving,

    /// <summary>Accepts no new connections, and finishes the open ones.</summary>
    Draining,
}
