namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>The attack that was asked for.</summary>
internal sealed record AbuseOptions
{
    public const int DefaultConnections = 100; // peers where nobody says how many

    /// <summary>The deadline where nobody says another: beyond the server's default time for one packet, 30 s.</summary>
    public static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(60);

    public required AbuseKind Kind { get; init; } // what every hostile peer does

    /// <summary>
    /// Peers. Each comes once, except those of <see cref="AbuseKind.ConnectFlood"/> and all with <see cref="RatePerSecond"/>: new ones
    /// come as long as the attack lasts, and this is how many are open at a time at most.
    /// </summary>
    public int Connections { get; init; } = DefaultConnections;

    /// <summary>
    /// How long a connection may stay open, each counted from when it was made; then we close it, and the server has failed.
    /// </summary>
    public TimeSpan Deadline { get; init; } = DefaultDeadline;

    public int? RatePerSecond { get; init; } // new connections a second, evenly spread; null = as fast as they are accepted
    public int Seed { get; init; } // makes what the peers send reproducible: the same for the same seed and the peer's number
}
