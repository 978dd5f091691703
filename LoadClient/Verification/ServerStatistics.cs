using System.Text.Json;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>The counts of packets and bytes in the server's <c>/api/stats</c>, by their names there.</summary>
internal sealed record ServerStatistics
{
    public const string Uptime = "uptimeSeconds";
    public const string PacketsReceived = "packets.received";
    public const string PacketsProcessed = "packets.processed";
    public const string PacketsDropped = "packets.dropped";
    public const string BytesReceived = "bytes.received";
    public const string BytesHeader = "bytes.header";
    public const string BytesPayload = "bytes.payload";
    public const string BytesDiscarded = "bytes.discarded";
    public const string BytesUnfinished = "bytes.unfinished";

    /// <summary>The counts that are read. Only the last one can fall.</summary>
    internal static readonly string[] Names =
        [
            Uptime, PacketsReceived, PacketsProcessed, PacketsDropped, BytesReceived, BytesHeader, BytesPayload, BytesDiscarded,
            BytesUnfinished,
        ];

    private readonly long[] _counts = new long[Names.Length];

    private ServerStatistics(Func<int, long> count)
    {
        for (int i = 0; i < _counts.Length; i++)
        {
            _counts[i] = count(i);
        }
    }

    /// <summary>The packets received but not yet processed or dropped; 0 at rest.</summary>
    public long PacketsPending => this[PacketsReceived] - this[PacketsProcessed] - this[PacketsDropped];

    /// <summary>The bytes that the other counts explain; at rest, all bytes received.</summary>
    public long BytesAccountedFor =>
        this[BytesHeader] + this[BytesPayload] + this[BytesDiscarded] + this[BytesUnfinished];

    public long this[string name] => _counts[Array.IndexOf(Names, name)];

    /// <summary>Makes statistics from counts by name; missing ones are 0.</summary>
    public static ServerStatistics Of(IReadOnlyDictionary<string, long> counts) => new(i => counts.GetValueOrDefault(Names[i]));

    public bool Equals(ServerStatistics? other) => other is not null && _counts.AsSpan().SequenceEqual(other._counts);

    public override int GetHashCode() => HashCode.Combine(this[PacketsReceived], this[BytesReceived]);

    /// <summary>Parses the JSON of an answer; a fault names every wrong field.</summary>
    public static StatisticsReading Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var faults = new List<string>();
            var statistics = new ServerStatistics(i => Read(document.RootElement, Names[i], faults));
            return faults.Count == 0
                ? new StatisticsReading(statistics, null)
                : new StatisticsReading(null, $"answered JSON in which {string.Join(", ", faults)}");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // JsonElement throws the latter for a name with half a surrogate pair.
            return new StatisticsReading(null, "answered something that is not JSON");
        }
    }

    public ServerStatistics Since(ServerStatistics earlier) => new(i => _counts[i] - earlier._counts[i]);

    /// <summary>Whether the counts are equal, the uptime aside.</summary>
    public bool CountsTheSameAs(ServerStatistics other) => _counts.AsSpan(1).SequenceEqual(other._counts.AsSpan(1));

    /// <summary>Returns a text about a count that has fallen, which means a restart; null if there is none.</summary>
    public string? WentBackFrom(ServerStatistics earlier)
    {
        int back = Enumerable.Range(0, Names.Length - 1).FirstOrDefault(i => _counts[i] < earlier._counts[i], -1);
        return back < 0 ? null : $"{Names[back]} went back from {earlier._counts[back]} to {_counts[back]}";
    }

    private static long Read(JsonElement element, string path, List<string> faults)
    {
        foreach (string name in path.Split('.'))
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
            {
                faults.Add($"{path} is missing");
                return 0;
            }
        }

        if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out long value))
        {
            faults.Add($"{path} is not an integer");
            return 0;
        }

        return value;
    }
}
