using DotNettyFraming.LoadClient.Verification;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>Statistics with known figures, and the JSON in which the server tells them.</summary>
internal static class SampleStatistics
{
    /// <summary>The size of the article's packet, of which all packets here are.</summary>
    public const int PacketBytes = 32;

    /// <summary>A server to which so many packets came, whole, and which has processed all but those pending or dropped.</summary>
    public static ServerStatistics After(long packets, long pending = 0, long dropped = 0, long uptime = 100) => new()
    {
        UptimeSeconds = uptime,
        PacketsReceived = packets,
        PacketsProcessed = packets - pending - dropped,
        PacketsDropped = dropped,
        BytesReceived = packets * PacketBytes,
        BytesPayload = packets * (PacketBytes - 7),
        BytesDiscarded = 0,
        BytesUnfinished = 0,
    };

    /// <summary>So many packets sent for sure, and perhaps some more.</summary>
    public static SentTotals Sent(long packets, long uncertain = 0) =>
        SentTotals.Of(packets, packets * PacketBytes, uncertain, uncertain * PacketBytes);

    /// <summary>As the server's <c>/api/stats</c> writes it, the fields included that nobody here needs.</summary>
    public static string Json(ServerStatistics statistics) => $$"""
        { "uptimeSeconds": {{statistics.UptimeSeconds}},
          "connections": { "open": 0, "accepted": 3, "paused": 0, "closed": { "PeerClosed": 2, "InvalidPrefix": 1 } },
          "packets": { "received": {{statistics.PacketsReceived}}, "processed": {{statistics.PacketsProcessed}},
                       "dropped": {{statistics.PacketsDropped}} },
          "bytes": { "received": {{statistics.BytesReceived}}, "payload": {{statistics.BytesPayload}},
                     "discarded": {{statistics.BytesDiscarded}}, "unfinished": {{statistics.BytesUnfinished}} } }
        """;
}
