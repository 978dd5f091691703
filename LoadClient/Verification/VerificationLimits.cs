namespace DotNettyFraming.LoadClient.Verification;

/// <summary>How long, how much and how often <c>--verify</c> asks.</summary>
internal sealed record VerificationLimits
{
    /// <summary>How long one request may take, from the connect to the last byte.</summary>
    public TimeSpan Request { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest answer that is read. The server's has about 1 KiB.</summary>
    public int MaxAnswerBytes { get; init; } = 64 * 1024;

    /// <summary>Requests that fail one after the other after a run until the statistics are given up; before it, one is enough.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>The pause between two readings.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long nothing must have changed until what has not come is taken as lost and not as still on its way.</summary>
    /// <remarks>
    /// Sent bytes can lie in socket buffers while the server's counters stand still: a server that holds connections back reads none,
    /// and a peer's kernel that has lost a segment sends it again after 200 ms or more.
    /// </remarks>
    public TimeSpan Quiet { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long the server may take to come to rest after a run. A request that is under way then is not cut short.</summary>
    public TimeSpan Rest { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long it may take before a run; then the run begins all the same, and a difference mentions it.</summary>
    public TimeSpan RestBefore { get; init; } = TimeSpan.FromSeconds(3);
}
