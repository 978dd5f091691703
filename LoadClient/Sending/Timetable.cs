namespace DotNettyFraming.LoadClient.Sending;

/// <summary>The due times of one event loop's writes with <c>--rate</c>, evenly spread, as timestamps.</summary>
/// <remarks>
/// <code>
/// round 0                        round 1
/// |--------- Round --------------|------------------- ...
/// loop 0:  0       1       2     | 0       1       2          its connections, in turn
/// loop 1:      0       1       2 |     0       1       2      shifted by a part of a step
/// </code>
/// Each connection has one write per round.
/// </remarks>
internal readonly record struct Timetable(long Start, double Round, int Connections, double Shift)
{
    public static Timetable Of(
        long start,
        double packetsPerSecond,
        int packetsPerWrite,
        int allConnections,
        int connections,
        int loop,
        int loops,
        long frequency) =>
        new(start, allConnections * (packetsPerWrite / packetsPerSecond) * frequency, connections, (double)loop / loops);

    public long Due(long write)
    {
        (long round, long connection) = Math.DivRem(write, Connections);
        return Start + (long)Math.Round(Round * (round + ((connection + Shift) / Connections)));
    }

    /// <summary>Returns the first write that is due at a timestamp or after it.</summary>
    public long FirstFrom(long timestamp)
    {
        // An estimate that is one too low, as due times are rounded.
        long write = Math.Max(0, (long)(((timestamp - Start - 0.5) / Round * Connections) - Shift) - 1);
        while (Due(write) < timestamp)
        {
            write++;
        }

        return write;
    }
}

/// <summary>The shares of the connections in <c>--packets N</c>, equal except that the first ones may have one more.</summary>
/// <param name="Total">Packets in total; null = without end.</param>
/// <param name="Connections">Connections that share them.</param>
/// <param name="Unit">Packets that stay together: whole writes with a timetable, as a short one takes the same time.</param>
internal readonly record struct PacketShares(long? Total, int Connections, int Unit = 1)
{
    public const long Endless = long.MaxValue; // until the connection is stopped

    public long Of(int ordinal)
    {
        if (Total is not long total)
        {
            return Endless;
        }

        if (ordinal >= Connections)
        {
            return 0; // all shares are given
        }

        long units = ((total - 1) / Unit) + 1;
        long share = (units / Connections) + (ordinal < units % Connections ? 1 : 0);
        bool hasLast = units % Connections is var rest && ordinal == (rest == 0 ? Connections : rest) - 1;
        return (share * Unit) - (hasLast ? (units * Unit) - total : 0);
    }
}
