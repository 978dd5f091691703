using DotNettyFraming.LoadClient.Measuring;
using HdrHistogram;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>The counters of the hostile peers: their event loop writes, any thread may read the <see cref="Totals"/>.</summary>
internal sealed class AbuseCounters
{
    private readonly LongHistogram _timeToClose = LatencyHistogram.New();
    private AbuseTotals _totals = new(0, 0, 0, 0, 0, 0, new long[Enum.GetValues<HostileEnd>().Length]);

    /// <summary>The time from the making of a connection until the server ended it. Valid when the attack is over.</summary>
    public Latency TimeToClose => Latency.Of(_timeToClose);

    public void Attempted() => _totals.Attempts++;

    public void Made()
    {
        _totals.Made++;
        _totals.Open++;
    }

    public void Ended(HostileEnd end, TimeSpan age)
    {
        _totals.Open--;
        _totals.Ends[(int)end]++;
        if (end is HostileEnd.ClosedByServer or HostileEnd.ResetByServer)
        {
            _timeToClose.Record(age);
        }
    }

    /// <summary>Counts an attempt that ended without a connection.</summary>
    public void NotMade(HostileEnd end) => _totals.Ends[(int)end]++;

    /// <summary>Counts bytes handed to the transport, and the packets that they complete.</summary>
    public void Sending(int bytes, int packets)
    {
        _totals.BytesAtMost += bytes;
        _totals.PacketsAtMost += packets;
    }

    public AbuseTotals Totals(long heldBack) => _totals with { HeldBack = heldBack, Ends = [.. _totals.Ends] };
}

/// <summary>Counts of an attack at one moment.</summary>
/// <param name="Attempts">Connections started. When the attack is over, each has one of the <paramref name="Ends"/>.</param>
/// <param name="Made">Connections made.</param>
/// <param name="Open">Connections made and not yet ended.</param>
/// <param name="HeldBack">Connections due and not started (<see cref="AttackPace.HeldBack"/>).</param>
/// <param name="BytesAtMost">Bytes handed to the transport; the server received at most these.</param>
/// <param name="PacketsAtMost">Whole packets before any fault in those bytes; the server processed at most these.</param>
/// <param name="Ends">Attempts that have ended, by <see cref="HostileEnd"/>.</param>
internal record struct AbuseTotals(
    long Attempts, long Made, long Open, long HeldBack, long BytesAtMost, long PacketsAtMost, long[] Ends)
{
    public readonly long AllEnded => Ends.Sum();

    public readonly long Ended(HostileEnd end) => Ends[(int)end];
}
