using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>What one event loop has done. Written by that loop alone, plainly; any thread may read the <see cref="Totals"/>.</summary>
internal sealed class LoadCounters
{
    private LoadTotals _totals = LoadTotals.Zero;
    private LatencyInterval _interval = new();
    private LatencyInterval _spare = new();

    /// <summary>A connection was made.</summary>
    public void Connected(TimeSpan latency)
    {
        _totals.Connected++;
        _interval.Connect.Record(latency);
    }

    /// <summary>The kernel took bytes of a write.</summary>
    public void TookBytes(int bytes) => _totals.BytesSent += bytes;

    /// <summary>The kernel took the last byte of a write.</summary>
    public void TookWrite(int packets, TimeSpan latency)
    {
        _totals.PacketsSent += packets;
        _interval.Write.Record(latency);
    }

    /// <summary>The kernel took whole packets of a write that it will never take the rest of.</summary>
    public void TookPackets(int packets) => _totals.PacketsSent += packets;

    /// <summary>Writes were due and never taken: each took at least this long.</summary>
    public void WritesUntaken(TimeSpan latency, long count = 1) => _interval.Write.Record(latency, count);

    /// <summary>Bytes were handed to a transport that failed and cannot tell whether the kernel took them.</summary>
    public void Unconfirmed(int packets, int bytes)
    {
        _totals.PacketsUnconfirmed += packets;
        _totals.BytesUnconfirmed += bytes;
    }

    /// <summary>Packets go out later than they were due.</summary>
    public void CountLate(int packets) => _totals.PacketsLate += packets;

    /// <summary>Packets were due, and their connection ended before they could be written.</summary>
    public void Unsent(long packets) => _totals.PacketsUnsent += packets;

    /// <summary>A connection that had been made has ended; the kernel took these packets and bytes of it.</summary>
    public void Ended(ConnectionEnd end, long packets, long bytes)
    {
        _totals.Ends[(int)end]++;
        if (end == ConnectionEnd.Completed)
        {
            _totals.PacketsAnswered += packets;
            _totals.BytesAnswered += bytes;
        }
    }

    /// <summary>Takes the latencies recorded since the last call. On the loop; the one before is used again from here on.</summary>
    public LatencyInterval TakeInterval()
    {
        LatencyInterval full = _interval;
        (_interval, _spare) = (_spare, full);
        _interval.Reset();
        return full;
    }

    public LoadTotals Totals() => _totals with { Ends = [.. _totals.Ends] };
}

/// <summary>Counts of one event loop, or summed over all of them.</summary>
/// <param name="Connected">Connections made.</param>
/// <param name="PacketsSent">Packets whose every byte the kernel took.</param>
/// <param name="BytesSent">Bytes that the kernel took, those of cut packets included.</param>
/// <param name="PacketsUnconfirmed">Packets of which the transport could not say whether the kernel took them; in no other count.</param>
/// <param name="Ends">Connections that have ended, by <see cref="ConnectionEnd"/>.</param>
internal record struct LoadTotals(long Connected, long PacketsSent, long BytesSent, long PacketsUnconfirmed, long[] Ends)
{
    public long BytesUnconfirmed { get; set; } // bytes of which the transport could not say whether the kernel took them
    public long PacketsLate { get; set; } // with --rate: packets sent that were begun late
    public long PacketsUnsent { get; set; } // with --rate: packets that were due and never begun, because their connection ended before

    /// <summary>Of <see cref="PacketsSent"/>, those on connections whose end the server has answered: it has read them all.</summary>
    public long PacketsAnswered { get; set; }

    public long BytesAnswered { get; set; } // of BytesSent, those on connections whose end the server has answered: it has read them all
    public static LoadTotals Zero => new(0, 0, 0, 0, new long[Enum.GetValues<ConnectionEnd>().Length]);

    public readonly long Open => Connected - Ends.Sum(); // connections made and not yet ended

    /// <summary>Connections that the server ended, orderly or not.</summary>
    public readonly long EndedByServer => Ended(ConnectionEnd.ClosedByServer) + Ended(ConnectionEnd.ResetByServer);

    public readonly long Ended(ConnectionEnd end) => Ends[(int)end];

    /// <summary>Returns the sum over all event loops.</summary>
    public static LoadTotals Sum(IEnumerable<LoadCounters> loops) => loops.Select(loop => loop.Totals()).Aggregate(Zero, (a, b) =>
        new LoadTotals(
            a.Connected + b.Connected,
            a.PacketsSent + b.PacketsSent,
            a.BytesSent + b.BytesSent,
            a.PacketsUnconfirmed + b.PacketsUnconfirmed,
            [.. a.Ends.Zip(b.Ends, (x, y) => x + y)])
        {
            BytesUnconfirmed = a.BytesUnconfirmed + b.BytesUnconfirmed,
            PacketsLate = a.PacketsLate + b.PacketsLate,
            PacketsUnsent = a.PacketsUnsent + b.PacketsUnsent,
            PacketsAnswered = a.PacketsAnswered + b.PacketsAnswered,
            BytesAnswered = a.BytesAnswered + b.BytesAnswered,
        });
}
