namespace DotNettyFraming.LoadClient.Sending;

/// <summary>When one event loop's writes are due, with <c>--rate</c>: evenly spread in time, whatever becomes of them.</summary>
/// <remarks>
/// <code>
/// round 0                        round 1
/// |--------- Round --------------|------------------- ...
/// loop 0:  0       1       2     | 0       1       2          its connections, in turn
/// loop 1:      0       1       2 |     0       1       2      shifted by a part of a step
/// </code>
/// Each connection has one write a round, a round being as long as the rate leaves for one write of every connection. An open loop: a
/// write is due at its time even if the ones before it have not been taken. Times are timestamps. Immutable.
/// </remarks>
/// <param name="Start">When the first round begins.</param>
/// <param name="Round">Length of a round.</param>
/// <param name="Connections">Connections of this loop, above 0.</param>
/// <param name="Shift">This loop's part of a step, 0 to below 1.</param>
internal readonly record struct Timetable(long Start, double Round, int Connections, double Shift)
{
    /// <summary>Makes a loop's timetable.</summary>
    /// <param name="start">When the first round begins, a timestamp.</param>
    /// <param name="packetsASecond">The rate over all loops.</param>
    /// <param name="packetsPerWrite">Packets that are due at once.</param>
    /// <param name="allConnections">Connections of all loops.</param>
    /// <param name="connections">Connections of this loop.</param>
    /// <param name="loop">This loop's number.</param>
    /// <param name="loops">Number of loops.</param>
    /// <param name="frequency">Timestamps a second.</param>
    public static Timetable Of(
        long start, double packetsASecond, int packetsPerWrite, int allConnections, int connections, int loop, int loops, long frequency) =>
        new(start, allConnections * (packetsPerWrite / packetsASecond) * frequency, connections, (double)loop / loops);

    /// <summary>When a write is due.</summary>
    /// <param name="write">Its number on this loop, from 0: the connections in turn.</param>
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
