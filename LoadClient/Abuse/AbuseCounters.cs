using DotNettyFraming.LoadClient.Measuring;
using HdrHistogram;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>
/// What the hostile peers have done. Written by their event loop alone, plainly; any thread may read the <see cref="Totals"/>.
/// </summary>
internal sealed class AbuseCounters
{
    private readonly LongHistogram _timeToClose = LatencyHistogram.New();
    private AbuseTotals _totals = new(0, 0, 0, 0, 0, 0, new long[Enum.GetValues<HostileEnd>().Length]);

    /// <summary>How long the server took to end a connection, from when it was made. Read it only when the attack is over.</summary>
    public Latency TimeToClose => Latency.Of(_timeToClose);

    public void Attempted() => _totals.Attempts++;

    public void Made()
    {
        _totals.Made++;
        _totals.Open++;
    }

    /// <summary>A connection that had been made has ended, at this age.</summary>
    public void Ended(HostileEnd end, TimeSpan age)
    {
        _totals.Open--;
        _totals.Ends[(int)end]++;
        if (end is HostileEnd.ClosedByServer or HostileEnd.ResetByServer)
        {
            _timeToClose.Record(age);
        }
    }

    /// <summary>An attempt has ended without a connection.</summary>
    public void NotMade(HostileEnd end) => _totals.Ends[(int)end]++;

    /// <summary>Bytes that complete this number of packets are handed to the transport.</summary>
    public void Sending(int bytes, int packets)
    {
        _totals.BytesAtMost += bytes;
        _totals.PacketsAtMost += packets;
    }

    public AbuseTotals Totals(long heldBack) => _totals with { HeldBack = heldBack, Ends = [.. _totals.Ends] };
}

/// <summary>Counts of an attack at one moment.</summary>
/// <param name="Attempts">Connections begun. When the attack is over, each has one of the <paramref name="Ends"/>.</param>
/// <param name="Made">Connections made.</param>
/// <param name="Open">Connections made and not yet ended.</param>
/// <param name="HeldBack">Connections due by the rate, and not begun; see <see cref="AttackPace.HeldBack"/>.</param>
/// <param name="BytesAtMost">Bytes handed to the transport: the server has had no more of these peers, and perhaps less.</param>
/// <param name="PacketsAtMost">Whole packets in front of any fault in those bytes: the server has processed at most these.</param>
/// <param name="Ends">Attempts that have ended, by <see cref="HostileEnd"/>.</param>
internal record struct AbuseTotals(
    long Attempts, long Made, long Open, long HeldBack, long BytesAtMost, long PacketsAtMost, long[] Ends)
{
    public readonly long AllEnded => Ends.Sum();

    public readonly long Ended(HostileEnd end) => Ends[(int)end];
}
