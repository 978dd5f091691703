namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>The attack that <c>--abuse</c> asks for.</summary>
internal sealed record AbuseOptions
{
    public const int DefaultConnections = 100; // enough for percentiles

    /// <summary>Beyond the server's default <c>--packet-timeout</c>, 30 s.</summary>
    public static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(60);

    public required AbuseKind Kind { get; init; }

    /// <summary>The peers, each once; with <see cref="RatePerSecond"/> or a kind that comes again, the maximum open at a time.</summary>
    public int Connections { get; init; } = DefaultConnections;

    /// <summary>The longest time that the server may leave a connection open.</summary>
    public TimeSpan Deadline { get; init; } = DefaultDeadline;

    public int? RatePerSecond { get; init; } // new connections per second, evenly spread; null = as fast as they are accepted
    public int Seed { get; init; } // the bytes of a peer follow from this and its number
}
