using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>How long peers may keep us waiting; <see cref="TimeSpan.Zero"/> is for ever.</summary>
/// <param name="Idle">Without a byte.</param>
/// <param name="Packet">From the first byte of a packet to its last, however they trickle.</param>
internal sealed record PeerDeadlines(TimeSpan Idle, TimeSpan Packet)
{
    /// <summary>Nobody is ever closed for being slow.</summary>
    public static PeerDeadlines None { get; } = new(TimeSpan.Zero, TimeSpan.Zero);
}

/// <summary>How long one peer has kept us waiting. Looked at in each sweep; the packet path knows nothing of it.</summary>
/// <remarks>
/// <para>It compares two numbers that the decoder keeps anyway. The bytes received are the same as at the last look: nothing came. The
/// unfinished packet starts at the same offset of the stream: it is still the same packet, whatever of it came.</para>
/// <para>What happened between two looks is taken to have happened at the second, so a peer is never closed too early, and at most two
/// intervals too late. Times are timestamps of a <see cref="TimeProvider"/>: they do not follow changes of the date, and do not wrap.</para>
/// </remarks>
internal struct PeerPatience
{
    private long _bytes;
    private long _quietSince;
    private long _packetOffset;
    private long _packetSince;

    /// <summary>The connection opens.</summary>
    public void Begin(long now)
    {
        _quietSince = now;
        _packetOffset = -1;
    }

    /// <summary>The server itself does not read: both clocks stand still.</summary>
    /// <param name="time">Since the last look, in timestamps.</param>
    public void StandStill(long time)
    {
        _quietSince += time;
        _packetSince += time;
    }

    /// <summary>Since when the unfinished packet is known; <paramref name="now"/> where no look has seen it yet.</summary>
    public readonly long PacketSince(long packetOffset, long now) => packetOffset == _packetOffset ? _packetSince : now;

    /// <summary>Looks at what came.</summary>
    /// <param name="bytes">Bytes received so far.</param>
    /// <param name="packetOffset">Where the unfinished packet starts; −1 for none.</param>
    /// <param name="now">A timestamp.</param>
    /// <param name="idleLimit">In timestamps; 0 = none.</param>
    /// <param name="packetLimit">In timestamps; 0 = none.</param>
    /// <returns>The reason to close; null for none.</returns>
    public CloseReason? Look(long bytes, long packetOffset, long now, long idleLimit, long packetLimit)
    {
        if (bytes != _bytes)
        {
            _bytes = bytes;
            _quietSince = now;
        }

        if (packetOffset != _packetOffset)
        {
            _packetOffset = packetOffset;
            _packetSince = now;
        }

        if (packetLimit > 0 && packetOffset >= 0 && now - _packetSince >= packetLimit)
        {
            return CloseReason.PacketTimeout;
        }

        return idleLimit > 0 && now - _quietSince >= idleLimit ? CloseReason.IdleTimeout : null;
    }
}
