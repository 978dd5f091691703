using System.Text.Json;
using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Verification;

/// <summary>The counts of the server's <c>/api/stats</c> that tell what became of packets, by their names there.</summary>
internal sealed record ServerStatistics
{
    public const string Uptime = "uptimeSeconds";
    public const string PacketsReceived = "packets.received";
    public const string PacketsProcessed = "packets.processed";
    public const string PacketsDropped = "packets.dropped";
    public const string BytesReceived = "bytes.received";
    public const string BytesPayload = "bytes.payload";
    public const string BytesDiscarded = "bytes.discarded";
    public const string BytesUnfinished = "bytes.unfinished";

    /// <summary>The counts that are read. The last one is the only one that also falls.</summary>
    internal static readonly string[] Names =
        [Uptime, PacketsReceived, PacketsProcessed, PacketsDropped, BytesReceived, BytesPayload, BytesDiscarded, BytesUnfinished];

    private readonly long[] _counts = new long[Names.Length];

    private ServerStatistics(Func<int, long> count)
    {
        for (int i = 0; i < _counts.Length; i++)
        {
            _counts[i] = count(i);
        }
    }

    /// <summary>Packets received and neither processed nor dropped yet: 0 at rest.</summary>
    public long PacketsPending => this[PacketsReceived] - this[PacketsProcessed] - this[PacketsDropped];

    /// <summary>The bytes that the other counts account for: equal to the bytes received at rest.</summary>
    public long BytesAccountedFor =>
        (PacketHeader.Size * this[PacketsReceived]) + this[BytesPayload] + this[BytesDiscarded] + this[BytesUnfinished];

    public long this[string name] => _counts[Array.IndexOf(Names, name)]; // returns a count by its name

    /// <summary>Makes statistics from counts by name; those that are not given are 0.</summary>
    public static ServerStatistics Of(IReadOnlyDictionary<string, long> counts) => new(i => counts.GetValueOrDefault(Names[i]));

    public bool Equals(ServerStatistics? other) => other is not null && _counts.AsSpan().SequenceEqual(other._counts);

    public override int GetHashCode() => HashCode.Combine(this[PacketsReceived], this[BytesReceived]);

    /// <summary>Reads the JSON of an answer; a fault names every field that is not as it should be.</summary>
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
            // The latter is how JsonElement reports a name with half a surrogate pair.
            return new StatisticsReading(null, "answered something that is not JSON");
        }
    }

    /// <summary>Returns what happened since an earlier reading.</summary>
    public ServerStatistics Since(ServerStatistics earlier) => new(i => _counts[i] - earlier._counts[i]);

    /// <summary>Returns whether nothing but time has passed between two readings.</summary>
    public bool CountsTheSameAs(ServerStatistics other) => _counts.AsSpan(1).SequenceEqual(other._counts.AsSpan(1));

    /// <summary>Names a count that only grows within one process and is less than it was; null if there is none.</summary>
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
