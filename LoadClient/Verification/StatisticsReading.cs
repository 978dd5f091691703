namespace DotNettyFraming.LoadClient.Verification;

/// <summary>What came of asking the server for its statistics: these, or the reason why not.</summary>
internal sealed record StatisticsReading
{
    private StatisticsReading(ServerStatistics? statistics, string? fault)
    {
        Statistics = statistics;
        Fault = fault;
    }

    /// <summary>The statistics; null where there is a <see cref="Fault"/>.</summary>
    public ServerStatistics? Statistics { get; }

    /// <summary>What is wrong, worded to follow the server's address and a colon; it may quote the server. Null where nothing is.</summary>
    public string? Fault { get; }

    /// <summary>The server answered as it should.</summary>
    public static StatisticsReading Of(ServerStatistics statistics) => new(statistics, null);

    /// <summary>It did not.</summary>
    public static StatisticsReading Failed(string fault) => new(null, fault);
}

/// <summary>Where statistics come from: the server, or a test.</summary>
internal interface IStatisticsSource : IDisposable
{
    /// <summary>What the user calls it, for messages.</summary>
    string Name { get; }

    /// <summary>Asks for them once, bounded in time. Not for several callers at a time.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled; a server that is slow is a fault instead.</exception>
    Task<StatisticsReading> ReadAsync(CancellationToken cancellationToken);
}
