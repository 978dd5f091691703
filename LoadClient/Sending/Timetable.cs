namespace DotNettyFraming.LoadClient.Sending;

/// <summary>When one event loop's writes are due, with <c>--rate</c>: evenly spread in time. Times are timestamps.</summary>
/// <remarks>
/// <code>
/// round 0                        round 1
/// |--------- Round --------------|------------------- ...
/// loop 0:  0       1       2     | 0       1       2          its connections, in turn
/// loop 1:      0       1       2 |     0       1       2      shifted by a part of a step
/// </code>
/// Each connection has one write per round. An open loop: a write is due at its time even if those before it have not been taken.
/// </remarks>
internal readonly record struct Timetable(long Start, double Round, int Connections, double Shift)
{
    public static Timetable Of(
        long start, double packetsASecond, int packetsPerWrite, int allConnections, int connections, int loop, int loops, long frequency) =>
        new(start, allConnections * (packetsPerWrite / packetsASecond) * frequency, connections, (double)loop / loops);

    public long Due(long write)
    {
        (long round, long connection) = Math.DivRem(write, Connections);
        return Start + (long)Math.Round(Round * (round + ((connection + Shift) / Connections)));
    }

    /// <summary>The first write that is due at a timestamp or after it.</summary>
    public long FirstFrom(long timestamp)
    {
        // Just below the write whose due time, before it is rounded, is half a timestamp earlier.
        long write = Math.Max(0, (long)(((timestamp - Start - 0.5) / Round * Connections) - Shift) - 1);
        while (Due(write) < timestamp)
        {
            write++;
        }

        return write;
    }
}

/// <summary>How <c>--packets N</c> falls to the connections: evenly, the first ones taking one more where it does not divide.</summary>
/// <param name="Total">Packets in total; null = no end to them.</param>
/// <param name="Connections">Connections to share them.</param>
/// <param name="Unit">Packets that stay together: with a timetable whole writes, as a short one takes as long as a whole one.</param>
internal readonly record struct PacketShares(long? Total, int Connections, int Unit = 1)
{
    public const long Endless = long.MaxValue; // the share of a connection that sends until it is stopped

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
