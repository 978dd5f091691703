namespace DotNettyFraming.Server.Metrics;

/// <summary>A selection of connections at one moment.</summary>
/// <param name="Busiest">Those that sent the most bytes since the previous survey, most first; idle ones are left out.</param>
/// <param name="Oldest">Those open for the longest, oldest first.</param>
internal sealed record PeerSurvey(IReadOnlyList<PeerState> Busiest, IReadOnlyList<PeerState> Oldest)
{
    /// <summary>Merges the surveys of several event loops, and keeps this number of each kind.</summary>
    public static PeerSurvey Merge(IReadOnlyCollection<PeerSurvey> parts, int most) => new(
        [.. parts.SelectMany(part => part.Busiest)
            .OrderByDescending(peer => peer.BytesPerSecond).ThenBy(peer => peer.ConnectionId).Take(most)],
        [.. parts.SelectMany(part => part.Oldest).OrderBy(peer => peer.ConnectionId).Take(most)]);
}

/// <summary>One connection at one moment.</summary>
/// <param name="ConnectionId">Its number; a smaller one is older.</param>
/// <param name="Peer">The peer's address and port; empty if unknown.</param>
/// <param name="EventLoop">The number of its event loop.</param>
/// <param name="Open">The time since it was accepted.</param>
/// <param name="Packets">Complete packets received.</param>
/// <param name="Bytes">Bytes received.</param>
/// <param name="UnfinishedBytes">Bytes of its unfinished packet.</param>
/// <param name="IsPaused">Whether the server does not read it.</param>
/// <param name="BytesPerSecond">Bytes per second since the previous survey.</param>
internal sealed record PeerState(
    long ConnectionId,
    string Peer,
    int EventLoop,
    TimeSpan Open,
    long Packets,
    long Bytes,
    long UnfinishedBytes,
    bool IsPaused,
    long BytesPerSecond);
