namespace DotNettyFraming.LoadClient.Sending;

/// <summary>How <c>--packets N</c> falls to the connections: evenly, the first ones taking one more where it does not divide.</summary>
/// <param name="Total">Packets in total; null = no end to them.</param>
/// <param name="Connections">Connections to share them.</param>
internal readonly record struct PacketShares(long? Total, int Connections)
{
    /// <summary>The share of a connection that sends until it is stopped.</summary>
    public const long Endless = long.MaxValue;

    /// <summary>The packets of one connection.</summary>
    /// <param name="ordinal">Its number among those that share, from 0.</param>
    public long Of(int ordinal)
    {
        if (Total is not long total)
        {
            return Endless;
        }

        // A connection that joins when all shares are given has nothing to send.
        return ordinal >= Connections ? 0 : (total / Connections) + (ordinal < total % Connections ? 1 : 0);
    }
}
