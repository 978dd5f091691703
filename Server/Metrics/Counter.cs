namespace DotNettyFraming.Server.Metrics;

/// <summary>The counters of an event loop, in the order of <see cref="CounterTable"/>.</summary>
internal enum Counter
{
    ConnectionsAccepted,
    ConnectionsPaused,
    PacketsReceived,
    PacketsProcessed,
    PacketsDropped,
    PacketsAcknowledged,
    PacketsSent,
    BytesReceived,
    BytesHeader,
    BytesPayload,
    BytesDiscarded,
    BytesUnfinished,
    BytesSent,
    BytesAllocated,
    BytesReleased,
    Reads,
    ClockSkew,
    ClockUnset,
    PausedByProcessing,
    PausedByLoop,
    PausedByVerification,
    PausedByReplies,
    PausedByStore,
}

/// <summary>The names and the source of a counter.</summary>
/// <param name="Counter">The counter.</param>
/// <param name="Name">Its name in <c>/api/stats</c> and the <c>stopped:</c> line, dots for levels; null to omit it there.</param>
/// <param name="Metric">Its name in <c>/metrics</c>, with dots; null to omit it there.</param>
/// <param name="Unit">The metric's unit; a word in braces is for readers and part of no name.</param>
/// <param name="Text">The metric's description.</param>
/// <param name="Falls">Whether it is a level that also falls, and not a total since start.</param>
/// <param name="Source">Reads it if it is not in the loop's array.</param>
/// <param name="NeedsTime">Whether it counts times of packets, and is no metric if the header has none.</param>
internal sealed record CounterRow(
    Counter Counter,
    string? Name,
    string? Metric,
    string Unit,
    string Text,
    bool Falls = false,
    Func<LoopCounters, long>? Source = null,
    bool NeedsTime = false);

/// <summary>Declares every counter once, for <c>/api/stats</c>, <c>/metrics</c>, the <c>stopped:</c> line and the live page.</summary>
/// <remarks>
/// To add a counter, add a member to <see cref="Counter"/> and a row here, and call <see cref="LoopCounters.Add"/>. Rows are read from the
/// last to the first. A counter that settles another one (processed settles received) stands behind it, so no difference is ever negative.
/// </remarks>
internal static class CounterTable
{
    private const string Connections = "{connection}";
    private const string Packets = "{packet}";
    private const string Bytes = "{byte}"; // the name has it already: `By` would appear twice
    private const string Reads = "{read}";

    /// <summary>The rows, in the order of <see cref="Counter"/>; those of one level of names follow each other.</summary>
    public static readonly IReadOnlyList<CounterRow> Rows =
    [
        new(
            Counter.ConnectionsAccepted, "connections.accepted", "framing.connections.accepted", Connections,
            "Connections accepted, refused ones included."),
        new(
            Counter.ConnectionsPaused, "connections.paused", "framing.connections.paused", Connections,
            "Connections that the server does not read.", Falls: true),
        new(Counter.PacketsReceived, "packets.received", "framing.packets.received", Packets, "Complete packets received."),
        new(Counter.PacketsProcessed, "packets.processed", "framing.packets.processed", Packets, "Packets processed."),
        new(
            Counter.PacketsDropped, "packets.dropped", "framing.packets.dropped", Packets,
            "Packets received whose processing failed or was abandoned."),
        new(
            Counter.PacketsAcknowledged, "packets.acknowledged", "framing.packets.acknowledged", Packets,
            "Packets acknowledged to their senders."),
        new(Counter.PacketsSent, "packets.sent", "framing.packets.sent", Packets, "Packets sent: replies and acknowledgements."),
        new(
            Counter.BytesReceived, "bytes.received", "framing.bytes.received", Bytes,
            "Bytes read from connections.", Source: loop => loop.Bytes.BytesReceived),
        new(Counter.BytesHeader, "bytes.header", "framing.bytes.header", Bytes, "Header bytes of the packets received."),
        new(Counter.BytesPayload, "bytes.payload", "framing.bytes.payload", Bytes, "Payload bytes of the packets received."),
        new(
            Counter.BytesDiscarded, "bytes.discarded", "framing.bytes.discarded", Bytes,
            "Bytes that became part of no packet: after a fault, or cut off.", Source: loop => loop.Bytes.BytesDiscarded),
        new(
            Counter.BytesUnfinished, "bytes.unfinished", "framing.unfinished", "By",
            "Bytes of unfinished packets.", Falls: true, loop => loop.Bytes.BytesUnfinished),
        new(Counter.BytesSent, "bytes.sent", "framing.bytes.sent", Bytes, "Bytes sent to connections."),
        new(
            Counter.BytesAllocated, null, "framing.unfinished.allocated", "By",
            "Memory allocated for unfinished packets.", Falls: true, loop => loop.Bytes.BytesAllocated),
        new(Counter.BytesReleased, null, null, Bytes, "Bytes of unfinished packets, released.", Source: loop => loop.Bytes.BytesReleased),
        new(Counter.Reads, null, null, Reads, "Batches of packets: one per read, or two where it completes an earlier packet."),
        new(
            Counter.ClockSkew, null, "framing.clock_skew", Reads,
            "Reads whose first packet is from the future; in no age.", NeedsTime: true),
        new(
            Counter.ClockUnset, null, "framing.clock_unset", Reads,
            "Reads whose first packet is from before 2015, by a clock that was never set; in no age.", NeedsTime: true),
        new(
            Counter.PausedByProcessing, null, "framing.connections.paused.processing", Connections,
            "Connections paused because their own packets wait for the processor.", Falls: true),
        new(
            Counter.PausedByLoop, null, "framing.connections.paused.loop", Connections,
            "Connections paused because packets of their event loop wait for the processor.", Falls: true),
        new(
            Counter.PausedByVerification, null, "framing.connections.paused.verification", Connections,
            "Connections paused while the client's certificates are verified.", Falls: true),
        new(
            Counter.PausedByReplies, null, "framing.connections.paused.replies", Connections,
            "Connections paused because the peer does not read its replies.", Falls: true),
        new(
            Counter.PausedByStore, null, "framing.connections.paused.store", Connections,
            "Connections paused because the store cannot write for now.", Falls: true),
    ];
}
