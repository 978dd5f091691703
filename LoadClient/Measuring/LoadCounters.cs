using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>The counters of one event loop, which alone writes them; any thread may read the <see cref="Totals"/>.</summary>
internal sealed class LoadCounters(bool acknowledged = false)
{
    private LoadTotals _totals = LoadTotals.Zero;
    private LatencyInterval _interval = new(acknowledged);
    private LatencyInterval _spare = new(acknowledged);

    public void Connected(TimeSpan latency)
    {
        _totals.Connected++;
        _interval[LatencyKind.Connect].Record(latency);
    }

    public void Reconnected(TimeSpan latency)
    {
        _totals.Reconnected++;
        _interval[LatencyKind.Connect].Record(latency);
    }

    /// <summary>Counts a connection that ended and was not made again.</summary>
    public void Lost() => _totals.Lost++;

    public void TookBytes(int bytes) => _totals.BytesSent += bytes;

    /// <summary>Counts packets that the kernel took to the last byte, for the first time or again.</summary>
    public void TookPackets(long fresh, long again)
    {
        _totals.PacketsSent += fresh;
        _totals.PacketsResent += again;
    }

    public void TookWrite(TimeSpan latency) => _interval[LatencyKind.Write].Record(latency);

    /// <summary>Records writes that were due and never taken: they took at least this long.</summary>
    public void WritesUntaken(TimeSpan latency, long count = 1) => _interval[LatencyKind.Write].Record(latency, count);

    /// <summary>Counts packets that the server has acknowledged, with the time since they were due.</summary>
    public void Acknowledged(long packets, TimeSpan latency)
    {
        _totals.PacketsAcknowledged += packets;
        _interval[LatencyKind.Acknowledgement].Record(latency, packets);
    }

    /// <summary>Counts bytes in the hands of a transport that failed and does not report whether the kernel took them.</summary>
    public void Unconfirmed(int packets, int bytes)
    {
        _totals.PacketsUnconfirmed += packets;
        _totals.BytesUnconfirmed += bytes;
    }

    public void CountLate(int packets) => _totals.PacketsLate += packets;

    /// <summary>Counts packets that were due and not written when their connection ended.</summary>
    public void Unsent(long packets) => _totals.PacketsUnsent += packets;

    /// <summary>Counts the end of a connection with the packets and bytes that the kernel took.</summary>
    public void Ended(ConnectionEnd end, long packets, long bytes)
    {
        _totals.Ends[(int)end]++;
        if (end == ConnectionEnd.Completed)
        {
            _totals.PacketsAnswered += packets;
            _totals.BytesAnswered += bytes;
        }
    }

    /// <summary>Returns the latencies since the last call. On the loop; the result is valid until the next call.</summary>
    public LatencyInterval TakeInterval()
    {
        LatencyInterval full = _interval;
        (_interval, _spare) = (_spare, full);
        _interval.Reset();
        return full;
    }

    public LoadTotals Totals() => _totals with { Ends = [.. _totals.Ends] };
}

/// <summary>The counts of one event loop, or their sum over all loops.</summary>
/// <param name="Connected">Connections made.</param>
/// <param name="PacketsSent">Packets whose every byte the kernel took, each counted once.</param>
/// <param name="BytesSent">Bytes that the kernel took, those of incomplete packets included.</param>
/// <param name="PacketsUnconfirmed">Packets that the kernel may have taken, but the transport does not know; in no other count.</param>
/// <param name="Ends">Connections that have ended, by <see cref="ConnectionEnd"/>.</param>
internal record struct LoadTotals(long Connected, long PacketsSent, long BytesSent, long PacketsUnconfirmed, long[] Ends)
{
    public static LoadTotals Zero => new(0, 0, 0, 0, new long[Enum.GetValues<ConnectionEnd>().Length]);

    public long BytesUnconfirmed { get; set; }
    public long PacketsLate { get; set; } // with --rate: packets written late
    public long PacketsUnsent { get; set; } // with --rate: packets that were due when their connection ended

    /// <summary>Packets sent on connections where the server answered our FIN with its own: it has read them all.</summary>
    public long PacketsAnswered { get; set; }

    public long BytesAnswered { get; set; }

    public long PacketsResent { get; set; } // with --reconnect: packets taken again
    public long PacketsAcknowledged { get; set; }
    public long Reconnected { get; set; } // connections made again, each time
    public long Lost { get; set; } // connections that ended and were not made again

    public readonly long PacketsUnacknowledged => Math.Max(0, PacketsSent - PacketsAcknowledged);
    public readonly long Open => Connected + Reconnected - Ends.Sum();

    public readonly long EndedByServer => Ended(ConnectionEnd.ClosedByServer) + Ended(ConnectionEnd.ResetByServer);

    public readonly long Ended(ConnectionEnd end) => Ends[(int)end];

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
            PacketsResent = a.PacketsResent + b.PacketsResent,
            PacketsAcknowledged = a.PacketsAcknowledged + b.PacketsAcknowledged,
            Reconnected = a.Reconnected + b.Reconnected,
            Lost = a.Lost + b.Lost,
        });
}
