using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Storage;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Forwarding;

/// <summary>The chunks of a store in order, as the entries of calls.</summary>
/// <remarks>It skips only chunks that cannot be read, and logs each.</remarks>
internal sealed class ChunkSource(string key, StoreWriter store, ForwardCounters counters, ILogger logger) : IDisposable
{
    /// <summary>Bytes of packets that end a call: small chunks share one, and with <c>appendfsync always</c> an fsync.</summary>
    private const int CallBytes = 512 * 1024;

    /// <summary>Entries of a call at most; Redis serves nothing else while it appends them.</summary>
    private const int CallEntries = 128;

    private StoreReader? _reader;
    private StoredChunk? _ahead;
    private long _lastRead;

    /// <summary>The number of the next chunk.</summary>
    public long Next => (_ahead ??= ReadChunk())?.Id ?? store.NextChunk;

    /// <summary>Continues behind a chunk.</summary>
    public void StartBehind(long chunk)
    {
        _reader?.Dispose();
        _reader = new StoreReader(store.Path).StartBehind(chunk);
        _ahead = null;
        _lastRead = chunk;
    }

    /// <summary>Whether an id is that of a chunk of this store.</summary>
    public bool Has(StreamId id)
    {
        using StoreReader reader = new StoreReader(store.Path).StartBehind(id.Chunk - 1);
        return reader.NextOfAny() is { } chunk && chunk.Id == id.Chunk && chunk.Closed == id.Time;
    }

    /// <summary>Returns the entries of the next call; none if all that is stored was read.</summary>
    /// <param name="predecessor">The id of the entry in front of them; empty if there is none.</param>
    /// <exception cref="RefusedException">The next chunk's id is not higher.</exception>
    public List<ChunkEntry> Read(string predecessor)
    {
        var entries = new List<ChunkEntry>();
        for (int bytes = 0; bytes < CallBytes && entries.Count < CallEntries && (_ahead ?? ReadChunk()) is { } chunk;)
        {
            _ahead = null;
            var id = new StreamId(chunk.Closed, chunk.Id);
            StreamId? last = entries.Count > 0 ? entries[^1].Id : StreamId.Parse(predecessor);
            if (last?.CompareTo(id) >= 0)
            {
                _ahead = chunk;
                throw new RefusedException(
                    $"{key} ends with {last}, which is no chunk of this store, and the next chunk would be {id}: another server has the "
                    + "same node name, or the clock was set back");
            }

            try
            {
                entries.Add(new ChunkEntry(chunk, _reader!));
                bytes += chunk.Bytes.Length;
            }
            catch (StoreException e) when (e.Fault == StoreFault.Damaged)
            {
                counters.CountFailure();
                logger.ChunkNotForwarded(e.Message);
            }
        }

        return entries;
    }

    /// <inheritdoc/>
    public void Dispose() => _reader?.Dispose();

    private StoredChunk? ReadChunk()
    {
        while (_lastRead + 1 < store.NextChunk)
        {
            try
            {
                StoredChunk? chunk = _reader!.NextOfAny();
                _lastRead = chunk?.Id ?? _lastRead;
                return chunk;
            }
            catch (StoreException e) when (e.Fault == StoreFault.Damaged)
            {
                counters.CountFailure();
                logger.ChunkNotForwarded($"{_reader!.SegmentName}: {e.Message}"); // the next call goes on behind it
            }
        }

        return null;
    }
}

/// <summary>The stream belongs to another store: appending to it would need ids that are not higher.</summary>
internal sealed class RefusedException(string message) : Exception(message);
