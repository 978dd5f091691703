using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Limits;

/// <summary>The times that a peer may take; <see cref="TimeSpan.Zero"/> is forever.</summary>
/// <param name="Idle">Without a byte.</param>
/// <param name="Packet">From the first byte of a packet to its last.</param>
internal sealed record PeerDeadlines(TimeSpan Idle, TimeSpan Packet)
{
    /// <summary>No limits for packets.</summary>
    public static PeerDeadlines None { get; } = new(TimeSpan.Zero, TimeSpan.Zero);

    /// <summary>For the PROXY header, from accept. The specification's minimum ("at least 3 seconds to cover a TCP retransmit").</summary>
    public TimeSpan ProxyHeader { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>For the TLS handshake, from accept.</summary>
    public TimeSpan TlsHandshake { get; init; }

    /// <summary>Without reading any of the bytes that wait to be sent.</summary>
    public TimeSpan Write { get; init; }

    /// <summary>From accept until a graceful close, for every peer.</summary>
    public TimeSpan MaxAge { get; init; }

    /// <summary>From the half-close until the close, if the peer does not close first. The sweep adds up to 0.4 s.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromSeconds(0.6);

    /// <summary>From the end of the input until everything received is processed; then the connection closes anyway.</summary>
    public TimeSpan GracefulClose { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>The state of a connection at one sweep. A number that is the same at two sweeps means no progress.</summary>
/// <param name="IsRead">Whether the connection was read since the previous sweep, without a pause.</param>
/// <param name="AwaitsProxyHeader">Whether the PROXY header is incomplete.</param>
/// <param name="AwaitsHandshake">Whether the TLS handshake is incomplete.</param>
/// <param name="Bytes">The bytes received.</param>
/// <param name="PacketOffset">The offset of the unfinished packet in the stream; −1 for none.</param>
/// <param name="HeldMark">Identifies what is held in front of the decoder; −1 for nothing.</param>
/// <param name="UnsentMark">Identifies what is sent next; −1 when nothing waits to be sent.</param>
internal readonly record struct PeerProgress(
    bool IsRead, bool AwaitsProxyHeader, bool AwaitsHandshake, long Bytes, long PacketOffset, long HeldMark, long UnsentMark)
{
    /// <summary>Whether the peer may be silent because its packets are not acknowledged yet.</summary>
    public bool AwaitsAcknowledgement { get; init; }
}

/// <summary>The times since when one peer has made no progress. It costs the packet path nothing.</summary>
/// <remarks>
/// An event between two sweeps counts as if it happened at the second, so a peer is never closed too early, and at most two intervals too
/// late. Times are ticks of <see cref="DeadlineSweep.Observed"/>.
/// </remarks>
internal struct PeerPatience
{
    private Unchanged _open;
    private Unchanged _bytes;
    private Unchanged _packet;
    private Unchanged _held;
    private Unchanged _unsent;
    private Unchanged _closing;

    /// <summary>Records progress, and returns the reason to close a peer without; null for none.</summary>
    /// <param name="peer">The state now.</param>
    /// <param name="now">The sweep's time.</param>
    /// <param name="step">The time since the previous sweep.</param>
    /// <param name="limits">The times that a peer may take.</param>
    public CloseReason? Check(in PeerProgress peer, long now, long step, PeerDeadlines limits)
    {
        if (!peer.IsRead)
        {
            _open.StandStill(step);
            _packet.StandStill(step);
        }

        if (!peer.IsRead || peer.AwaitsAcknowledgement)
        {
            _bytes.StandStill(step);
        }

        long open = _open.Since(0, now);
        long quiet = _bytes.Since(peer.Bytes, now);
        long packet = _packet.Since(peer.PacketOffset, now);
        long unsent = _unsent.Since(peer.UnsentMark, now);
        _held.Since(peer.HeldMark, now);
        if (peer.UnsentMark >= 0 && IsPast(unsent, limits.Write))
        {
            return CloseReason.WriteTimeout;
        }

        return !peer.IsRead ? null
            : peer.AwaitsProxyHeader && IsPast(open, limits.ProxyHeader) ? CloseReason.ProxyHeaderTimeout
            : peer.AwaitsHandshake && IsPast(open, limits.TlsHandshake) ? CloseReason.TlsTimeout
            : peer.PacketOffset >= 0 && IsPast(packet, limits.Packet) ? CloseReason.PacketTimeout
            : IsPast(quiet, limits.Idle) ? CloseReason.IdleTimeout
            : null;

        bool IsPast(long since, TimeSpan limit) => limit > TimeSpan.Zero && now - since >= limit.Ticks;
    }

    /// <summary>Whether a stage of closing takes longer than the limit, counted from the first call for the stage.</summary>
    public bool IsOver(long stage, long now, TimeSpan limit) => now - _closing.Since(stage, now) >= limit.Ticks;

    /// <summary>Returns since when the unfinished packet is held; <paramref name="now"/> before a sweep saw it.</summary>
    public readonly long PacketSince(long packetOffset, long now) => _packet.SeenSince(packetOffset, now);

    /// <summary>Returns since when bytes in front of the decoder are held; <paramref name="now"/> before a sweep saw them.</summary>
    public readonly long HeldSince(long heldMark, long now) => _held.SeenSince(heldMark, now);

    /// <summary>The time since when a number, −1 or more, has been the same.</summary>
    private struct Unchanged
    {
        /// <summary>The number plus 2, so that the default value is no number.</summary>
        private long _value;
        private long _since;

        public long Since(long value, long now)
        {
            if (value + 2 != _value)
            {
                _value = value + 2;
                _since = now;
            }

            return _since;
        }

        public readonly long SeenSince(long value, long now) => value + 2 == _value ? _since : now;

        public void StandStill(long time) => _since += time;
    }
}
