using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Storage;

/// <summary>Reads a store's chunks, oldest first, next to a running server or from a copy.</summary>
/// <remarks>Between two calls no transaction is open, so that the server's checkpoints can complete. Threads: one.</remarks>
/// <param name="path">The directory.</param>
/// <param name="since">Chunks closed before this are left out, Unix milliseconds.</param>
internal sealed class StoreReader(string path, long since = 0) : IDisposable
{
    /// <summary>Peers remembered at most.</summary>
    private const int MaxPeers = 100_000;

    private readonly Dictionary<long, string> _peers = [];
    private SqliteFile? _file;
    private SqliteStatement? _next;
    private SqliteStatement? _peer;
    private long _segment = -1;
    private long _chunk = -1;
    private bool _damaged;

    /// <summary>The file name of the segment that was read last.</summary>
    public string SegmentName => Segment.NameOf(_segment);

    /// <summary>The segment that is open.</summary>
    public SqliteFile? File => _file;

    /// <summary>The name of the server that wrote the segment.</summary>
    public string Node { get; private set; } = "";

    /// <summary>The layout of the segment's headers.</summary>
    public HeaderLayout Header { get; private set; } = HeaderLayout.Default;

    /// <summary>Continues behind a chunk; for a reader that has read nothing.</summary>
    public StoreReader StartBehind(long chunk)
    {
        _chunk = chunk;
        _segment = StoreDirectory.Find(path).LastOrDefault(first => first <= chunk + 1) - 1;
        return this;
    }

    /// <summary>Returns the next chunk of any segment; null if there is none, yet.</summary>
    public StoredChunk? NextOfAny() =>
        Next() ?? (HasLaterSegment ? Next() ?? NextOfLaterSegment() : null); // a segment with a later one does not grow any more

    /// <summary>Goes to the next segment.</summary>
    /// <returns>False if there is none.</returns>
    /// <exception cref="StoreException">The segment cannot be read; the next call goes on behind it.</exception>
    public bool MoveToNextSegment()
    {
        foreach (long first in StoreDirectory.Find(path))
        {
            if (first > _segment && TryOpen(first))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Returns the next chunk of this segment, as it stands in the file; null if there is none, yet.</summary>
    /// <exception cref="StoreException">It cannot be read; if the file is damaged, the rest of the segment is left out.</exception>
    public StoredChunk? Next()
    {
        if (_damaged || _next is not { } statement)
        {
            return null;
        }

        try
        {
            if (!statement.Bind(0, _chunk).Bind(1, since).Step())
            {
                return null;
            }

            _chunk = statement.Number(0);
            return new StoredChunk(
                _chunk,
                statement.Number(1),
                statement.Number(2),
                (uint)statement.Number(3),
                statement.Blob(4).ToArray(),
                statement.Blob(5).ToArray());
        }
        catch (StoreException e) when (e.Fault == StoreFault.Damaged)
        {
            _damaged = true;
            throw;
        }
        finally
        {
            statement.Reset();
        }
    }

    /// <summary>Returns the first chunk of the next segment that has one; null if none has.</summary>
    public StoredChunk? NextOfLaterSegment()
    {
        while (MoveToNextSegment())
        {
            if (Next() is { } chunk)
            {
                return chunk;
            }
        }

        return null;
    }

    /// <summary>Whether a later segment exists, so that this one does not grow.</summary>
    public bool HasLaterSegment => StoreDirectory.Find(path).Any(first => first > _segment);

    /// <summary>Returns a connection's peer; null if the segment does not have it.</summary>
    public string? PeerOf(long connection)
    {
        if (!_peers.TryGetValue(connection, out string? peer) && _peer!.Bind(0, connection).Step())
        {
            peer = _peer.Text(0)!;
            if (_peers.Count >= MaxPeers)
            {
                _peers.Clear();
            }

            _peers.Add(connection, peer);
        }

        _peer!.Reset();
        return peer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _next?.Dispose();
        _peer?.Dispose();
        _file?.Dispose();
        (_next, _peer, _file) = (null, null, null);
    }

    private bool TryOpen(long first)
    {
        Dispose();
        _peers.Clear();
        string file = Path.Combine(path, Segment.NameOf(first));
        try
        {
            _file = SqliteFile.Open(file, readOnly: true);
            if (_file.Number("SELECT count(*) FROM sqlite_master WHERE name = 'chunks'") == 0)
            {
                return false; // being created
            }

            Node = _file.Text("SELECT value FROM segment WHERE name = 'node'") ?? "";
            Header = HeaderLayout.TryParse(
                _file.Text("SELECT value FROM segment WHERE name = 'header'") ?? "", out HeaderLayout? layout, out string? error)
                ? layout
                : throw new StoreException($"{file}: the header layout {error}", StoreFault.Damaged);
            _next = _file.Prepare(
                "SELECT id, closed, packets, crc, parts, bytes FROM chunks WHERE id > ? AND closed >= ? ORDER BY id LIMIT 1");
            _peer = _file.Prepare("SELECT peer FROM peers WHERE connection = ?");
            (_segment, _damaged) = (first, false);
            return true;
        }
        catch (StoreException) when (!System.IO.File.Exists(file))
        {
            return false; // deleted by retention
        }
        catch (StoreException)
        {
            _segment = first;
            throw;
        }
    }
}

/// <summary>A chunk as it is stored.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Closed">When it was closed, Unix milliseconds.</param>
/// <param name="Packets">The number of packets, by its row.</param>
/// <param name="Crc">The checksum, by its row.</param>
/// <param name="Index">Its index.</param>
/// <param name="Bytes">The packets, verbatim.</param>
internal sealed record StoredChunk(long Id, long Closed, long Packets, uint Crc, byte[] Index, byte[] Bytes)
{
    /// <summary>Returns whose packets it has.</summary>
    /// <exception cref="StoreException">The chunk is not what was written.</exception>
    public List<Part> ReadParts()
    {
        if (Segment.Checksum(Index, Bytes) != Crc)
        {
            throw new StoreException($"chunk {Id} is damaged: its checksum differs", StoreFault.Damaged);
        }

        var parts = new List<Part>();
        PartIndex.Read(Index, parts);
        return parts.Sum(part => (long)part.Packets) == Packets && parts.Sum(part => (long)part.Bytes) == Bytes.Length
            ? parts
            : throw new StoreException($"chunk {Id} is damaged: its index does not match", StoreFault.Damaged);
    }
}
