namespace DotNettyFraming.LoadClient.Verification;

/// <summary>What came of <c>--verify</c>.</summary>
internal enum VerificationResult
{
    /// <summary>The server processed just the packets that were sent, and received just their bytes.</summary>
    Exact,

    /// <summary>It processed as many as can have been sent; how many those are cannot be known exactly (<see cref="SentTotals"/>).</summary>
    WithinRange,

    /// <summary>It processed more or fewer, received more or fewer bytes, dropped packets, or restarted meanwhile.</summary>
    Different,

    /// <summary>It did not come to rest in time, so that there is nothing to compare with.</summary>
    NotAtRest,

    /// <summary>Its statistics could be read before the run and not after it.</summary>
    StatisticsLost,
}
