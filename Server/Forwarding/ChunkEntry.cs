using System.Globalization;
using System.Text;
using DotNettyFraming.Server.Storage;
using StackExchange.Redis;

namespace DotNettyFraming.Server.Forwarding;

/// <summary>The id of an entry: <c>T-C</c>, the time when its chunk was closed and the chunk's number.</summary>
/// <param name="Time">Unix milliseconds, never below the predecessor's.</param>
/// <param name="Chunk">The chunk's number.</param>
internal readonly record struct StreamId(long Time, long Chunk) : IComparable<StreamId>
{
    /// <summary>Parses an id; null if there is none: an empty text, or <c>0-0</c> of a stream that never had an entry.</summary>
    public static StreamId? Parse(string? text)
    {
        string[] parts = text?.Split('-') ?? [];
        return parts.Length == 2
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long time)
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long chunk)
            && (time, chunk) != (0, 0)
                ? new StreamId(time, chunk)
                : null;
    }

    public int CompareTo(StreamId other) => (Time, Chunk).CompareTo((other.Time, other.Chunk));

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Time}-{Chunk}");
}

/// <summary>One chunk as an entry of the stream; docs/scaling-out.md describes its fields.</summary>
internal sealed class ChunkEntry
{
    /// <summary>The fields that the script gets per entry, the id included.</summary>
    public const int Arguments = 7;

    private readonly StoredChunk _chunk;
    private readonly string _header;
    private readonly long _received;
    private readonly byte[] _peers;

    /// <summary>Reads a chunk, and the peers of its connections.</summary>
    /// <exception cref="StoreException">The chunk is not what was written.</exception>
    public ChunkEntry(StoredChunk chunk, StoreReader reader)
    {
        List<Part> parts = chunk.ReadParts();
        var peers = new StringBuilder();
        var seen = new HashSet<long>();
        foreach (Part part in parts)
        {
            if (seen.Add(part.Connection))
            {
                peers.Append(reader.PeerOf(part.Connection)).Append('\n');
            }
        }

        _chunk = chunk;
        _header = $"{reader.Header}";
        _received = parts[0].Received;
        _peers = Encoding.UTF8.GetBytes(peers.ToString());
        Ends = [.. parts.Select(part => (part.Connection, part.First + part.Packets))];
    }

    /// <summary>Its id.</summary>
    public StreamId Id => new(_chunk.Closed, _chunk.Id);

    /// <summary>Its packets.</summary>
    public long Packets => _chunk.Packets;

    /// <summary>The bytes of its packets.</summary>
    public int Bytes => _chunk.Bytes.Length;

    /// <summary>Per part, the connection and the position behind its last packet.</summary>
    public (long Connection, long End)[] Ends { get; }

    /// <summary>Adds the arguments of the script.</summary>
    public void AddTo(List<object> arguments) => arguments.AddRange(
        (RedisValue)$"{Id}", (RedisValue)_header, (RedisValue)_received, (RedisValue)Packets, (RedisValue)_chunk.Index, (RedisValue)_peers,
        (RedisValue)_chunk.Bytes);
}
