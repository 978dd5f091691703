using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Limits;

/// <summary>A connection as the limits see it. Threads: its event loop only.</summary>
internal interface ILimitedConnection
{
    /// <summary>The memory of the batches that wait for the processor.</summary>
    long PendingCost { get; }

    /// <summary>Stops reading for a cause.</summary>
    void Pause(PauseCauses cause);

    /// <summary>Removes a cause; reading resumes when none is left.</summary>
    void Resume(PauseCauses cause);

    /// <summary>Returns the reason to close a peer that takes too long; null for none. Called once per sweep.</summary>
    /// <param name="now">The sweep's time, ticks.</param>
    /// <param name="step">The time since the previous sweep, ticks.</param>
    /// <param name="limits">The time that a peer may take.</param>
    CloseReason? JudgePeer(long now, long step, PeerDeadlines limits);

    /// <summary>Ends the input as soon as the socket is empty once, and closes gracefully.</summary>
    void Drain(CloseReason reason);

    /// <summary>Closes immediately. Packets that are pending are still processed.</summary>
    void Abort(CloseReason reason);
}
