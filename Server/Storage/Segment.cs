using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace DotNettyFraming.Server.Storage;

/// <summary>One file of the store while it is written: a SQLite database in WAL mode, named by its first chunk.</summary>
/// <remarks>Threads: the writer's.</remarks>
internal sealed class Segment : IDisposable
{
    /// <summary>The version of the directory's format, in <c>store.json</c> and in each segment.</summary>
    public const int Format = 1;

    /// <summary>Bytes of a page, and of its frame in the WAL.</summary>
    public const int PageBytes = 4096;

    /// <summary>See <see cref="PageBytes"/>.</summary>
    public const int FrameBytes = PageBytes + 24;

    /// <summary>Frames at which a WAL that a reader keeps from starting over ends the segment.</summary>
    /// <remarks>
    /// 64 MiB; at most 16 follow until the next check, and a transaction of 16 MiB and a loop's 32: the WAL stays below 128.
    /// </remarks>
    private const int MaxFrames = 64 * 1024 * 1024 / FrameBytes;

    /// <summary>Bytes of packets between two checkpoints.</summary>
    private const long CheckpointBytes = 16 * 1024 * 1024;

    private readonly string _path;
    private readonly SqliteFile _file;
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _insert;
    private readonly SqliteStatement _peer;
    private byte[] _index = new byte[4096];
    private long _bytesSinceCheckpoint;

    private Segment(string path, SqliteFile file, long firstChunk, DateTimeOffset created)
    {
        _path = path;
        _file = file;
        FirstChunk = firstChunk;
        Created = created;
        _begin = file.Prepare("BEGIN IMMEDIATE");
        _commit = file.Prepare("COMMIT");
        _insert = file.Prepare("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)");
        _peer = file.Prepare("INSERT OR IGNORE INTO peers VALUES (?, ?)");
    }

    /// <summary>The number of its first chunk, and so its name.</summary>
    public long FirstChunk { get; }

    /// <summary>When it was created.</summary>
    public DateTimeOffset Created { get; }

    /// <summary>Bytes of packets committed.</summary>
    public long Bytes { get; private set; }

    /// <summary>Whether its WAL has become too long, as a reader keeps it open.</summary>
    public bool MustEnd { get; private set; }

    /// <summary>Bytes on the disk.</summary>
    public long DiskBytes => SizeOf(_path);

    /// <summary>Returns the bytes on the disk of the segment at a path.</summary>
    public static long SizeOf(string path) => SqliteFile.Suffixes
        .Sum(suffix => new FileInfo(path + suffix) is { Exists: true } file ? file.Length : 0);

    /// <summary>Creates a segment; its name is durable when this returns.</summary>
    public static Segment Create(StoreDirectory directory, string header, DateTimeOffset now)
    {
        long chunk = directory.NextChunk;
        string path = directory.PathOf(chunk);
        directory.DeleteFiles(chunk); // of an attempt that failed before the segment was listed
        SqliteFile file = SqliteFile.Open(path);
        try
        {
            file.Execute(
                $"""
                PRAGMA page_size = {PageBytes};
                PRAGMA journal_mode = WAL;
                PRAGMA synchronous = FULL;
                PRAGMA wal_autocheckpoint = 0; -- SQLite ignores its errors
                PRAGMA user_version = {Format};
                CREATE TABLE segment (name TEXT PRIMARY KEY, value TEXT);
                CREATE TABLE peers (connection INTEGER PRIMARY KEY, peer TEXT);
                CREATE TABLE chunks (
                    id INTEGER PRIMARY KEY,
                    received INTEGER, -- the first packet's, Unix milliseconds
                    closed INTEGER, -- when the chunk was closed, never below the chunk before
                    packets INTEGER,
                    crc INTEGER, -- CRC-32C of parts and bytes
                    parts BLOB,
                    bytes BLOB);
                """);
            using (SqliteStatement insert = file.Prepare("INSERT INTO segment VALUES ('store', ?), ('node', ?), ('header', ?)"))
            {
                insert.Bind(0, directory.Id).Bind(1, directory.Node).Bind(2, header).Run();
            }

            file.Checkpoint();
            DurableFile.Sync(directory.Path);
            return new Segment(path, file, chunk, now);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Starts a transaction.</summary>
    public void Begin() => _begin.Run();

    /// <summary>Adds a chunk to the transaction.</summary>
    public void Add(long id, long closed, Chunk chunk)
    {
        Span<Part> parts = CollectionsMarshal.AsSpan(chunk.Parts);
        if (_index.Length < parts.Length * PartIndex.MaxPartBytes)
        {
            _index = new byte[2 * parts.Length * PartIndex.MaxPartBytes];
        }

        ReadOnlySpan<byte> index = _index.AsSpan(0, PartIndex.Write(parts, _index));
        long packets = 0;
        foreach (Part part in parts)
        {
            packets += part.Packets;
        }

        _insert.Bind(0, id).Bind(1, parts[0].Received).Bind(2, closed).Bind(3, packets)
            .Bind(4, Checksum(index, chunk.Bytes)).Bind(5, index).BindZeros(6, chunk.Bytes.Length).Run();
        _file.WriteBlob("chunks", "bytes", id, chunk.Bytes);
    }

    /// <summary>Adds a connection's peer to the transaction.</summary>
    public void AddPeer(long connection, string peer) => _peer.Bind(0, connection).Bind(1, peer).Run();

    /// <summary>Commits; the transaction is durable when this returns.</summary>
    public void Commit(long bytes)
    {
        _commit.Run();
        Bytes += bytes;
        _bytesSinceCheckpoint += bytes;
    }

    /// <summary>Undoes the transaction, if there is one.</summary>
    public void Rollback()
    {
        if (_file.InTransaction)
        {
            _file.Execute("ROLLBACK");
        }
    }

    /// <summary>Copies the WAL into the database if it has become long.</summary>
    public void CheckpointIfDue()
    {
        if (_bytesSinceCheckpoint >= CheckpointBytes)
        {
            _bytesSinceCheckpoint = 0;
            MustEnd = _file.Checkpoint().Frames >= MaxFrames;
        }
    }

    /// <summary>Ends the segment: one file, without a WAL. Fails while a reader has it open.</summary>
    public bool TryClose()
    {
        try
        {
            _file.Checkpoint(truncate: true);
            bool closed = _file.Text("PRAGMA journal_mode = DELETE") == "delete";
            if (closed)
            {
                Dispose();
            }

            return closed;
        }
        catch (StoreException e) when (e.IsTemporary)
        {
            return false;
        }
    }

    /// <summary>Closes without writing anything.</summary>
    public void Dispose()
    {
        _begin.Dispose();
        _commit.Dispose();
        _insert.Dispose();
        _peer.Dispose();
        _file.Dispose();
    }

    /// <summary>Returns the CRC-32C of a chunk's index and packets.</summary>
    public static uint Checksum(ReadOnlySpan<byte> index, ReadOnlySpan<byte> bytes) =>
        Add(Add(uint.MaxValue, index), bytes) ^ uint.MaxValue;

    /// <summary>Returns a segment's file name.</summary>
    public static string NameOf(long firstChunk) => firstChunk.ToString("D19", CultureInfo.InvariantCulture) + ".db";

    private static uint Add(uint crc, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (byte each in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, each);
        }

        return crc;
    }
}
