namespace DotNettyFraming.LoadClient.Verification;

/// <summary>What the client knows that it has sent.</summary>
/// <remarks>
/// Only where our FIN was answered by the server's is it certain that the server read everything. What became of the last bytes on
/// a connection that the server closed or reset, or that was abandoned, cannot be known from this side: the kernel took them, and perhaps
/// threw them away. Hence ranges.
/// </remarks>
/// <param name="Packets">Whole packets.</param>
/// <param name="Bytes">Bytes, those of packets that were cut off included.</param>
internal sealed record SentTotals(CountRange Packets, CountRange Bytes)
{
    /// <summary>Sums up what was sent.</summary>
    /// <param name="certainPackets">Packets on connections that ended orderly.</param>
    /// <param name="certainBytes">Bytes on those.</param>
    /// <param name="uncertainPackets">Whole packets, taken or unconfirmed, on all other connections, hostile ones included.</param>
    /// <param name="uncertainBytes">Bytes, taken or unconfirmed, on those.</param>
    public static SentTotals Of(long certainPackets, long certainBytes, long uncertainPackets = 0, long uncertainBytes = 0) => new(
        new CountRange(certainPackets, certainPackets + uncertainPackets),
        new CountRange(certainBytes, certainBytes + uncertainBytes));

    /// <summary>Compares with what the server has done since the run began.</summary>
    /// <param name="difference">Its statistics at rest, less those before the run.</param>
    /// <returns><see cref="VerificationResult.Exact"/>, <see cref="VerificationResult.WithinRange"/> or
    /// <see cref="VerificationResult.Different"/>; the last also where packets were dropped, however many were sent.</returns>
    public VerificationResult CompareWith(ServerStatistics difference)
    {
        if (difference.PacketsDropped != 0 || !Packets.Contains(difference.PacketsProcessed) || !Bytes.Contains(difference.BytesReceived))
        {
            return VerificationResult.Different;
        }

        return Packets.IsExact && Bytes.IsExact ? VerificationResult.Exact : VerificationResult.WithinRange;
    }
}
