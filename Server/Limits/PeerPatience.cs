using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Limits;

/// <summary>How long a peer may take; <see cref="TimeSpan.Zero"/> is forever.</summary>
/// <param name="Idle">Without a byte.</param>
/// <param name="Packet">From the first byte of a packet to its last.</param>
internal sealed record PeerDeadlines(TimeSpan Idle, TimeSpan Packet)
{
    /// <summary>No limits for packets.</summary>
    public static PeerDeadlines None { get; } = new(TimeSpan.Zero, TimeSpan.Zero);

    /// <summary>For the PROXY header, from the accept. The least of the specification ("at least 3 seconds to cover a TCP retransmit").</summary>
    public TimeSpan ProxyHeader { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>For the TLS handshake, from the accept.</summary>
    public TimeSpan TlsHandshake { get; init; }

    /// <summary>Without taking any of the bytes that wait to be sent to it.</summary>
    public TimeSpan Write { get; init; }

    /// <summary>From the end of the input until everything received is processed; then the connection closes all the same.</summary>
    public TimeSpan OrderlyClose { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>What one look at a connection sees. A number that stays the same between two looks means no progress.</summary>
/// <param name="IsRead">The server has read from the peer since the look before, as far as the peer let it.</param>
/// <param name="AwaitsProxyHeader">The PROXY header is not complete.</param>
/// <param name="AwaitsHandshake">The TLS handshake is not complete.</param>
/// <param name="Bytes">Bytes received so far.</param>
/// <param name="PacketOffset">Where the unfinished packet starts in the stream; −1 for none.</param>
/// <param name="HeldMark">A number of what is held in front of the decoder; −1 for nothing.</param>
/// <param name="UnsentMark">A number of what is sent next; −1 when nothing waits to be sent.</param>
internal readonly record struct PeerProgress(
    bool IsRead, bool AwaitsProxyHeader, bool AwaitsHandshake, long Bytes, long PacketOffset, long HeldMark, long UnsentMark);

/// <summary>Since when one peer has made no progress. The packet path knows nothing of it.</summary>
/// <remarks>
/// What happened between two looks is taken to have happened at the second, so a peer is never closed too early, and at most two intervals
/// too late. Times are ticks of <see cref="DeadlineSweep"/>'s clock, which stands still while the server does not look.
/// </remarks>
internal struct PeerPatience
{
    private Unchanged _open;
    private Unchanged _bytes;
    private Unchanged _packet;
    private Unchanged _held;
    private Unchanged _unsent;
    private Unchanged _closing;

    /// <summary>Notes progress, and judges the lack of it.</summary>
    /// <param name="peer">What is seen now.</param>
    /// <param name="now">The sweep's time.</param>
    /// <param name="step">The time since the look before.</param>
    /// <param name="limits">How long the peer may take.</param>
    /// <returns>The reason to close; null for none.</returns>
    public CloseReason? Look(in PeerProgress peer, long now, long step, PeerDeadlines limits)
    {
        if (!peer.IsRead)
        {
            _open.StandStill(step);
            _bytes.StandStill(step);
            _packet.StandStill(step);
        }

        long open = _open.Since(0, now);
        long quiet = _bytes.Since(peer.Bytes, now);
        long packet = _packet.Since(peer.PacketOffset, now);
        long unsent = _unsent.Since(peer.UnsentMark, now);
        _held.Since(peer.HeldMark, now);
        if (peer.UnsentMark >= 0 && IsOver(unsent, limits.Write))
        {
            return CloseReason.WriteTimeout;
        }

        return !peer.IsRead ? null
            : peer.AwaitsProxyHeader && IsOver(open, limits.ProxyHeader) ? CloseReason.ProxyHeaderTimeout
            : peer.AwaitsHandshake && IsOver(open, limits.TlsHandshake) ? CloseReason.TlsTimeout
            : peer.PacketOffset >= 0 && IsOver(packet, limits.Packet) ? CloseReason.PacketTimeout
            : IsOver(quiet, limits.Idle) ? CloseReason.IdleTimeout
            : null;

        bool IsOver(long since, TimeSpan limit) => limit > TimeSpan.Zero && now - since >= limit.Ticks;
    }

    /// <summary>Whether a connection waits too long for its packets to be processed; the first call starts the time.</summary>
    public bool IsClosingOverdue(long now, PeerDeadlines limits) => now - _closing.Since(0, now) >= limits.OrderlyClose.Ticks;

    /// <summary>Since when the unfinished packet is held; <paramref name="now"/> when no look has seen it yet.</summary>
    public readonly long PacketSince(long packetOffset, long now) => _packet.SeenSince(packetOffset, now);

    /// <summary>Since when the thing in front of the decoder is held; <paramref name="now"/> when no look has seen it yet.</summary>
    public readonly long HeldSince(long heldMark, long now) => _held.SeenSince(heldMark, now);

    /// <summary>Since when a number, −1 or more, has been the same.</summary>
    private struct Unchanged
    {
        /// <summary>The number plus 2, so that the default is no number.</summary>
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
