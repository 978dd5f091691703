namespace DotNettyFraming.LoadClient.Sending;

/// <summary>How <c>--packets N</c> falls to the connections: evenly, the first ones taking one more where it does not divide.</summary>
/// <param name="Total">Packets in total; null = no end to them.</param>
/// <param name="Connections">Connections to share them.</param>
/// <param name="Unit">Packets that stay together: with a timetable whole writes, as a short one takes as long as a whole one.</param>
internal readonly record struct PacketShares(long? Total, int Connections, int Unit = 1)
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

        if (ordinal >= Connections)
        {
            return 0; // it joins when all shares are given
        }

        long units = ((total - 1) / Unit) + 1;
        long share = (units / Connections) + (ordinal < units % Connections ? 1 : 0);
        bool hasLast = units % Connections is var rest && ordinal == (rest == 0 ? Connections : rest) - 1;
        return (share * Unit) - (hasLast ? (units * Unit) - total : 0);
    }
}
