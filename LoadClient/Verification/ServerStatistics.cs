using System.Text.Json;
using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>The part of the server's <c>/api/stats</c> that tells what became of packets, named as there.</summary>
/// <remarks>
/// The server counts since its start; <see cref="Since"/> gives what happened between two readings. Its connections are not read: others
/// may hold some open, and no packet is counted there.
/// </remarks>
internal sealed record ServerStatistics
{
    /// <summary>Whole seconds since the server's start.</summary>
    public required long UptimeSeconds { get; init; }

    /// <summary>Packets found whole.</summary>
    public required long PacketsReceived { get; init; }

    /// <summary>Packets whose processing completed.</summary>
    public required long PacketsProcessed { get; init; }

    /// <summary>Packets received whose processing failed or was given up.</summary>
    public required long PacketsDropped { get; init; }

    /// <summary>Bytes received, of whatever kind.</summary>
    public required long BytesReceived { get; init; }

    /// <summary>Bytes of the payloads of the packets received.</summary>
    public required long BytesPayload { get; init; }

    /// <summary>Bytes that belong to no packet: of fragments, and after a fault.</summary>
    public required long BytesDiscarded { get; init; }

    /// <summary>Bytes of packets that are not whole yet: the only one of these counts that also falls.</summary>
    public required long BytesUnfinished { get; init; }

    /// <summary>Packets received of which it is not settled yet whether they will be processed: 0 at rest.</summary>
    public long PacketsPending => PacketsReceived - PacketsProcessed - PacketsDropped;

    /// <summary>Bytes that are told apart: equal to <see cref="BytesReceived"/> at rest.</summary>
    public long BytesAccountedFor => (PacketHeader.Size * PacketsReceived) + BytesPayload + BytesDiscarded + BytesUnfinished;

    /// <summary>Whether both identities hold that the server promises at rest. They can also hold by chance while packets flow.</summary>
    public bool Balances => PacketsPending == 0 && BytesAccountedFor == BytesReceived;

    /// <summary>Reads them.</summary>
    /// <param name="json">The answer's body, UTF-8.</param>
    /// <returns>The statistics; or a fault that names every field that is not as it should be.</returns>
    public static StatisticsReading Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var fields = new IntegerFields(document.RootElement);
            var statistics = new ServerStatistics
            {
                UptimeSeconds = fields.Read("uptimeSeconds"),
                PacketsReceived = fields.Read("packets", "received"),
                PacketsProcessed = fields.Read("packets", "processed"),
                PacketsDropped = fields.Read("packets", "dropped"),
                BytesReceived = fields.Read("bytes", "received"),
                BytesPayload = fields.Read("bytes", "payload"),
                BytesDiscarded = fields.Read("bytes", "discarded"),
                BytesUnfinished = fields.Read("bytes", "unfinished"),
            };
            return fields.Faults.Count == 0
                ? StatisticsReading.Of(statistics)
                : StatisticsReading.Failed($"answered JSON in which {string.Join(", ", fields.Faults)}");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The latter is how JsonElement says that an escaped name is no text: a lone surrogate.
            return StatisticsReading.Failed("answered something that is not JSON");
        }
    }

    /// <summary>What happened since an earlier reading; unfinished bytes can have become fewer.</summary>
    public ServerStatistics Since(ServerStatistics earlier) => new()
    {
        UptimeSeconds = UptimeSeconds - earlier.UptimeSeconds,
        PacketsReceived = PacketsReceived - earlier.PacketsReceived,
        PacketsProcessed = PacketsProcessed - earlier.PacketsProcessed,
        PacketsDropped = PacketsDropped - earlier.PacketsDropped,
        BytesReceived = BytesReceived - earlier.BytesReceived,
        BytesPayload = BytesPayload - earlier.BytesPayload,
        BytesDiscarded = BytesDiscarded - earlier.BytesDiscarded,
        BytesUnfinished = BytesUnfinished - earlier.BytesUnfinished,
    };

    /// <summary>Whether nothing has happened between two readings but that time went on.</summary>
    public bool CountsTheSameAs(ServerStatistics other) => this with { UptimeSeconds = 0 } == other with { UptimeSeconds = 0 };

    /// <summary>Looks for what only ever grows in one process, and is less than it was.</summary>
    /// <returns><c>packets.received went back from 100 to 7</c>; null where this can come from the same process.</returns>
    public string? WentBackFrom(ServerStatistics earlier)
    {
        (string Name, long Then, long Now)[] growing =
        [
            ("uptimeSeconds", earlier.UptimeSeconds, UptimeSeconds),
            ("packets.received", earlier.PacketsReceived, PacketsReceived),
            ("packets.processed", earlier.PacketsProcessed, PacketsProcessed),
            ("packets.dropped", earlier.PacketsDropped, PacketsDropped),
            ("bytes.received", earlier.BytesReceived, BytesReceived),
            ("bytes.payload", earlier.BytesPayload, BytesPayload),
            ("bytes.discarded", earlier.BytesDiscarded, BytesDiscarded),
        ];
        return growing.Where(count => count.Now < count.Then)
            .Select(count => $"{count.Name} went back from {count.Then} to {count.Now}")
            .FirstOrDefault();
    }

    /// <summary>Reads integers out of JSON, and keeps all faults.</summary>
    private sealed class IntegerFields(JsonElement root)
    {
        public List<string> Faults { get; } = [];

        public long Read(params ReadOnlySpan<string> path)
        {
            JsonElement element = root;
            foreach (string name in path)
            {
                if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
                {
                    Faults.Add($"{string.Join('.', path)} is missing");
                    return 0;
                }
            }

            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out long value))
            {
                Faults.Add($"{string.Join('.', path)} is not an integer");
                return 0;
            }

            return value;
        }
    }
}
