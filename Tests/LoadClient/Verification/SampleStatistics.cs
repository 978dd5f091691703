using DotNettyFraming.LoadClient.Verification;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>Statistics with known figures, also as the server's JSON.</summary>
internal static class SampleStatistics
{
    /// <summary>The size of every packet here, which is that of the article's packet.</summary>
    public const int PacketBytes = 32;

    /// <summary>Returns statistics with these counts and 0 for the others.</summary>
    public static ServerStatistics Counts(params (string Name, long Count)[] counts) =>
        ServerStatistics.Of(counts.ToDictionary(count => count.Name, count => count.Count));

    /// <summary>Returns a copy with these counts replaced.</summary>
    public static ServerStatistics With(this ServerStatistics statistics, params (string Name, long Count)[] counts) =>
        Counts([.. Names.Select(name => (name, counts.Where(count => count.Name == name)
            .Select(count => (long?)count.Count).SingleOrDefault() ?? statistics[name]))]);

    /// <summary>Returns the statistics after this number of whole packets; all are processed but those pending or dropped.</summary>
    public static ServerStatistics After(long packets, long pending = 0, long dropped = 0, long uptime = 100) => Counts(
        (Uptime, uptime),
        (PacketsReceived, packets),
        (PacketsProcessed, packets - pending - dropped),
        (PacketsDropped, dropped),
        (BytesReceived, packets * PacketBytes),
        (BytesHeader, packets * 7),
        (BytesPayload, packets * (PacketBytes - 7)));

    /// <summary>Returns the totals of a client that sent this number of packets, and perhaps some more.</summary>
    public static SentTotals Sent(long packets, long uncertain = 0) =>
        SentTotals.Of(packets, packets * PacketBytes, uncertain, uncertain * PacketBytes);

    /// <summary>Returns a reading with statistics.</summary>
    public static StatisticsReading Answer(ServerStatistics statistics) => new(statistics, null);

    /// <summary>Returns a reading that failed.</summary>
    public static StatisticsReading Fault(string fault) => new(null, fault);

    /// <summary>Returns JSON like that of the server's <c>/api/stats</c>, with fields that the client ignores.</summary>
    public static string Json(ServerStatistics statistics) => $$"""
        { "uptimeSeconds": {{statistics[Uptime]}},
          "connections": { "open": 0, "accepted": 3, "paused": 0, "closed": { "PeerClosed": 2, "InvalidPrefix": 1 } },
          "packets": { "received": {{statistics[PacketsReceived]}}, "processed": {{statistics[PacketsProcessed]}},
                       "dropped": {{statistics[PacketsDropped]}} },
          "bytes": { "received": {{statistics[BytesReceived]}}, "header": {{statistics[BytesHeader]}},
                     "payload": {{statistics[BytesPayload]}}, "discarded": {{statistics[BytesDiscarded]}},
                     "unfinished": {{statistics[BytesUnfinished]}} } }
        """;
}
