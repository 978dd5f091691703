using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>Counts of one event loop, or summed over all of them.</summary>
/// <param name="Connected">Connections made.</param>
/// <param name="PacketsSent">Packets whose every byte the kernel took.</param>
/// <param name="BytesSent">Bytes that the kernel took, those of cut packets included.</param>
/// <param name="PacketsUnconfirmed">Packets of which the transport could not say whether the kernel took them; in no other count.</param>
/// <param name="Ends">Connections that have ended, by <see cref="ConnectionEnd"/>.</param>
internal sealed record LoadTotals(long Connected, long PacketsSent, long BytesSent, long PacketsUnconfirmed, IReadOnlyList<long> Ends)
{
    /// <summary>Bytes of which the transport could not say whether the kernel took them.</summary>
    public long BytesUnconfirmed { get; init; }

    /// <summary>With <c>--rate</c>: packets sent that were begun late.</summary>
    public long PacketsLate { get; init; }

    /// <summary>With <c>--rate</c>: packets that were due and never begun, because their connection ended before.</summary>
    public long PacketsUnsent { get; init; }

    /// <summary>Of <see cref="PacketsSent"/>, those on connections whose end the server has answered: it has read them all.</summary>
    public long PacketsAnswered { get; init; }

    /// <summary>Of <see cref="BytesSent"/>, those on connections whose end the server has answered: it has read them all.</summary>
    public long BytesAnswered { get; init; }

    /// <summary>Connections made and not yet ended.</summary>
    public long Open => Connected - Ends.Sum();

    /// <summary>Connections that the server ended, orderly or not.</summary>
    public long EndedByServer => Ended(ConnectionEnd.ClosedByServer) + Ended(ConnectionEnd.ResetByServer);

    /// <summary>Connections that ended for one reason.</summary>
    public long Ended(ConnectionEnd end) => Ends[(int)end];

    /// <summary>The sum over all event loops.</summary>
    public static LoadTotals Sum(IEnumerable<LoadCounters> loops)
    {
        var sum = new LoadTotals(0, 0, 0, 0, new long[Enum.GetValues<ConnectionEnd>().Length]);
        foreach (LoadTotals loop in loops.Select(counters => counters.Totals()))
        {
            sum = new LoadTotals(
                sum.Connected + loop.Connected,
                sum.PacketsSent + loop.PacketsSent,
                sum.BytesSent + loop.BytesSent,
                sum.PacketsUnconfirmed + loop.PacketsUnconfirmed,
                [.. sum.Ends.Zip(loop.Ends, (a, b) => a + b)])
            {
                BytesUnconfirmed = sum.BytesUnconfirmed + loop.BytesUnconfirmed,
                PacketsLate = sum.PacketsLate + loop.PacketsLate,
                PacketsUnsent = sum.PacketsUnsent + loop.PacketsUnsent,
                PacketsAnswered = sum.PacketsAnswered + loop.PacketsAnswered,
                BytesAnswered = sum.BytesAnswered + loop.BytesAnswered,
            };
        }

        return sum;
    }
}
