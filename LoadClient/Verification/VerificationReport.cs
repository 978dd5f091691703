namespace DotNettyFraming.LoadClient.Verification;

/// <summary>What came of <c>--verify</c>, with the figures behind it.</summary>
internal sealed record VerificationReport
{
    /// <summary>The verdict.</summary>
    public required VerificationResult Result { get; init; }

    /// <summary>What was sent, as far as is known.</summary>
    public required SentTotals Sent { get; init; }

    /// <summary>What the server did from before the run until the last reading after it; null where no reading can be compared.</summary>
    public required ServerStatistics? Difference { get; init; }

    /// <summary>How long it took to come to the verdict after the run.</summary>
    public required TimeSpan Waited { get; init; }

    /// <summary>Why it is neither exact nor within range, where figures alone do not tell; it may quote the server. Null otherwise.</summary>
    public string? Reason { get; init; }

    /// <summary>Whether the run is as good as it can be known to be. Otherwise the exit code says that verification failed.</summary>
    public bool Passed => Result is VerificationResult.Exact or VerificationResult.WithinRange;

    /// <summary>The verdict for people: one line.</summary>
    public string Line => VerificationLine.Of(this);
}
