using DotNettyFraming.LoadClient.Measuring;
using HdrHistogram;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>What the hostile peers have done. Written by their event loop alone, plainly; any thread may read the <see cref="Totals"/>.</summary>
internal sealed class AbuseCounters
{
    private readonly long[] _ends = new long[Enum.GetValues<HostileEnd>().Length];
    private readonly LongHistogram _timeToClose = LatencyHistogram.New();
    private long _attempts;
    private long _made;
    private long _open;
    private long _bytes;
    private long _packets;

    /// <summary>How long the server took to end a connection, from when it was made. Read it only when the attack is over.</summary>
    public Latency TimeToClose => Latency.Of(_timeToClose);

    /// <summary>A connection is begun.</summary>
    public void Attempted() => _attempts++;

    /// <summary>It has been made.</summary>
    public void Made()
    {
        _made++;
        _open++;
    }

    /// <summary>A connection that had been made has ended.</summary>
    /// <param name="end">How.</param>
    /// <param name="age">How long it was open.</param>
    public void Ended(HostileEnd end, TimeSpan age)
    {
        _open--;
        _ends[(int)end]++;
        if (end is HostileEnd.ClosedByServer or HostileEnd.ResetByServer)
        {
            _timeToClose.Record(age);
        }
    }

    /// <summary>An attempt has ended without a connection.</summary>
    public void NotMade(HostileEnd end) => _ends[(int)end]++;

    /// <summary>Bytes are handed to the transport, which complete so many packets.</summary>
    public void Sending(int bytes, int packets)
    {
        _bytes += bytes;
        _packets += packets;
    }

    /// <summary>The counts at this moment.</summary>
    /// <param name="heldBack">See <see cref="AttackPace.HeldBack"/>.</param>
    public AbuseTotals Totals(long heldBack) => new(
        Volatile.Read(ref _attempts),
        Volatile.Read(ref _made),
        Volatile.Read(ref _open),
        heldBack,
        Volatile.Read(ref _bytes),
        Volatile.Read(ref _packets),
        [.. _ends]);
}
