namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>Counts of an attack at one moment.</summary>
/// <param name="Attempts">Connections begun. When the attack is over, each has one of the <paramref name="Ends"/>.</param>
/// <param name="Made">Connections made.</param>
/// <param name="Open">Connections made and not yet ended.</param>
/// <param name="HeldBack">Connections due by the rate, and not begun; see <see cref="AttackPace.HeldBack"/>.</param>
/// <param name="BytesAtMost">Bytes handed to the transport: the server has had no more of these peers, and perhaps less.</param>
/// <param name="PacketsAtMost">Whole packets in front of any fault in those bytes: the server has processed no more, and perhaps less.</param>
/// <param name="Ends">Attempts that have ended, by <see cref="HostileEnd"/>.</param>
internal sealed record AbuseTotals(
    long Attempts, long Made, long Open, long HeldBack, long BytesAtMost, long PacketsAtMost, IReadOnlyList<long> Ends)
{
    /// <summary>Attempts that ended in one way.</summary>
    public long Ended(HostileEnd end) => Ends[(int)end];

    /// <summary>Attempts that have ended.</summary>
    public long AllEnded => Ends.Sum();
}
