namespace DotNettyFraming.Server.Metrics;

/// <summary>Some connections, as they were at one moment.</summary>
/// <param name="Busiest">Those that sent the most bytes since the survey before, most first; none that sent nothing.</param>
/// <param name="Oldest">Those open for the longest, oldest first.</param>
internal sealed record PeerSurvey(IReadOnlyList<PeerState> Busiest, IReadOnlyList<PeerState> Oldest)
{
    /// <summary>The surveys of several event loops as one.</summary>
    /// <param name="parts">What each loop answered.</param>
    /// <param name="most">How many of each kind to keep.</param>
    public static PeerSurvey Merge(IReadOnlyCollection<PeerSurvey> parts, int most) => new(
        [.. parts.SelectMany(part => part.Busiest).OrderByDescending(peer => peer.BytesPerSecond).ThenBy(peer => peer.ConnectionId).Take(most)],
        [.. parts.SelectMany(part => part.Oldest).OrderBy(peer => peer.ConnectionId).Take(most)]);
}

/// <summary>One connection at one moment.</summary>
/// <param name="ConnectionId">Its number; a smaller one is older.</param>
/// <param name="Peer">The peer's address and port; empty where it is not known.</param>
/// <param name="EventLoop">The loop that serves it.</param>
/// <param name="Open">How long it has been open.</param>
/// <param name="Packets">Whole packets that it sent.</param>
/// <param name="Bytes">Bytes that it sent.</param>
/// <param name="UnfinishedBytes">Those of them that are part of a packet not whole yet.</param>
/// <param name="IsPaused">Whether it is held back, as processing lags behind.</param>
/// <param name="BytesPerSecond">Bytes that came since the survey before, a second.</param>
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
