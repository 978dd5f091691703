using DotNettyFraming.LoadClient.Verification;
using static DotNettyFraming.LoadClient.Verification.ServerStatistics;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>Statistics with known figures, and the JSON in which the server tells them.</summary>
internal static class SampleStatistics
{
    /// <summary>The size of the article's packet, of which all packets here are.</summary>
    public const int PacketBytes = 32;

    /// <summary>Statistics of these counts; the others are 0.</summary>
    public static ServerStatistics Counts(params (string Name, long Count)[] counts) =>
        ServerStatistics.Of(counts.ToDictionary(count => count.Name, count => count.Count));

    /// <summary>The same with other counts in some places.</summary>
    public static ServerStatistics With(this ServerStatistics statistics, params (string Name, long Count)[] counts) =>
        Counts([.. Names.Select(name => (name, counts.Where(count => count.Name == name).Select(count => (long?)count.Count).SingleOrDefault() ?? statistics[name]))]);

    /// <summary>A server to which so many packets came, whole, and which has processed all but those pending or dropped.</summary>
    public static ServerStatistics After(long packets, long pending = 0, long dropped = 0, long uptime = 100) => Counts(
        (Uptime, uptime),
        (PacketsReceived, packets),
        (PacketsProcessed, packets - pending - dropped),
        (PacketsDropped, dropped),
        (BytesReceived, packets * PacketBytes),
        (BytesHeader, packets * 7),
        (BytesPayload, packets * (PacketBytes - 7)));

    /// <summary>So many packets sent for sure, and perhaps some more.</summary>
    public static SentTotals Sent(long packets, long uncertain = 0) =>
        SentTotals.Of(packets, packets * PacketBytes, uncertain, uncertain * PacketBytes);

    /// <summary>An answer with statistics.</summary>
    public static StatisticsReading Answer(ServerStatistics statistics) => new(statistics, null);

    /// <summary>A fault in place of an answer.</summary>
    public static StatisticsReading Fault(string fault) => new(null, fault);

    /// <summary>As the server's <c>/api/stats</c> writes it, the fields included that nobody here needs.</summary>
    public static string Json(ServerStatistics statistics) => $$"""
        { "uptimeSeconds": {{statistics[Uptime]}},
          "connections": { "open": 0, "accepted": 3, "paused": 0, "closed": { "PeerClosed": 2, "InvalidPrefix": 1 } },
          "packets": { "received": {{statistics[PacketsReceived]}}, "processed": {{statistics[PacketsProcessed]}},
                       "dropped": {{statistics[PacketsDropped]}} },
          "bytes": { "received": {{statistics[BytesReceived]}}, "header": {{statistics[BytesHeader]}}, "payload": {{statistics[BytesPayload]}},
                     "discarded": {{statistics[BytesDiscarded]}}, "unfinished": {{statistics[BytesUnfinished]}} } }
        """;
}
