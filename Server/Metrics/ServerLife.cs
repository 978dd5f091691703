namespace DotNettyFraming.Server.Metrics;

/// <summary>Where the server is in its life, from when it has been alive, for whoever asks whether to send it connections.</summary>
/// <remarks>Any thread. Phases only go forward.</remarks>
internal sealed class ServerLife
{
    private readonly TimeProvider _time;
    private readonly long _start;
    private int _phase;

    /// <param name="time">The clock that the uptime is told by.</param>
    public ServerLife(TimeProvider time)
    {
        _time = time;
        _start = time.GetTimestamp();
    }

    /// <summary>Since the process made its parts, which is a moment before it listens.</summary>
    public TimeSpan Uptime => _time.GetElapsedTime(_start);

    /// <summary>What it is doing.</summary>
    public ServerPhase Phase => (ServerPhase)Volatile.Read(ref _phase);

    /// <summary>The data port accepts connections.</summary>
    public void BeginServing() => Interlocked.CompareExchange(ref _phase, (int)ServerPhase.Serving, (int)ServerPhase.Starting);

    /// <summary>The data port is about to close; what was accepted is served to its end.</summary>
    public void BeginDraining() => Volatile.Write(ref _phase, (int)ServerPhase.Draining);
}

/// <summary>The phases of <see cref="ServerLife"/>.</summary>
internal enum ServerPhase
{
    /// <summary>Not listening yet.</summary>
    Starting,

    /// <summary>Listening.</summary>
    Serving,

    /// <summary>No new connections; those there are come to their end.</summary>
    Draining,
}
