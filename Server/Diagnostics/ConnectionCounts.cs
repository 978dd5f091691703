namespace DotNettyFraming.Server.Diagnostics;

/// <summary>Connections at one moment.</summary>
/// <param name="Accepted">Accepted since start.</param>
/// <param name="Closed">Closed since start, by <see cref="CloseReason"/>.</param>
internal sealed record ConnectionCounts(long Accepted, long[] Closed)
{
    /// <summary>Open now.</summary>
    public long Open => Accepted - Closed.Sum();
}
