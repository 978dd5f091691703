using System.Buffers.Binary;
using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Storage;

/// <summary>The repair of a directory at start: each segment ends complete and without WAL, or set aside.</summary>
/// <remarks>Each finding is one line of log.</remarks>
internal sealed class StoreRecovery(StoreDirectory directory, ILogger logger)
{
    private long _nextChunk = directory.NextChunk;
    private long _nextConnection = directory.Manifest.NextConnection;
    private int _findings;

    /// <summary>When the last chunk was closed, Unix milliseconds; 0 if there is none.</summary>
    public long LastClosed { get; private set; }

    /// <summary>Recovers the directory, and reserves the connection numbers of this run.</summary>
    /// <returns>The first connection number.</returns>
    public long Run(DateTimeOffset now)
    {
        var kept = new List<long>();
        var listed = directory.Segments.ToHashSet();
        foreach (long first in listed.Union(StoreDirectory.Find(directory.Path)).OrderDescending())
        {
            if (Recover(first, listed.Contains(first), newest: kept.Count == 0))
            {
                kept.Insert(0, first);
            }
        }

        DeleteLeftovers();
        directory.NextChunk = _nextChunk;

        // Beyond every number of this store, and of a store that was here before.
        long connection = Math.Max(_nextConnection, (now - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
        directory.Save(manifest => manifest with { Segments = kept, NextConnection = connection + 1 });
        string findings = _findings == 0 ? "nothing to repair" : $"{_findings} findings above";
        logger.StoreOpened(directory.Path, directory.Node, kept.Count, _nextChunk, findings);
        return connection;
    }

    /// <summary>Recovers a segment.</summary>
    /// <returns>Whether it stays.</returns>
    private bool Recover(long first, bool listed, bool newest)
    {
        string path = directory.PathOf(first);
        string name = Path.GetFileName(path);
        if (!File.Exists(path))
        {
            Skip(first);
            bool wal = WalFrames.Read(path).HasFrames;
            Warn($"{name} is missing" + (wal ? $"; its WAL is in {directory.SetAside(first, false, SqliteFile.Suffixes)}" : ""));
            return false;
        }

        bool unclean = File.Exists(path + "-wal") || File.Exists(path + "-journal"); // a journal while WAL mode is entered or left
        if (listed && !unclean && IsInWalMode(path))
        {
            Skip(first);
            Warn($"{name} was not closed, and its WAL is missing: its last packets may be missing");
        }

        try
        {
            if (!listed && new FileInfo(path).Length == 0)
            {
                directory.DeleteFiles(first); // the server was killed while it created it
                return false;
            }

            if (CheckHeader(path) is { } fault)
            {
                throw new StoreException(fault, StoreFault.Damaged);
            }

            if (unclean)
            {
                RecoverWal(first, path, name);
            }

            if ((newest || unclean) && !ReadEnd(path))
            {
                directory.DeleteFiles(first); // the server was killed before it committed to it
                return false;
            }

            if (!listed)
            {
                Warn($"{name} is not in store.json; it is used");
            }

            return true;
        }
        catch (StoreException e) when (e.Fault == StoreFault.Damaged)
        {
            Skip(first);
            Warn($"{name} is damaged ({e.Message}); it is in {directory.SetAside(first, false, SqliteFile.Suffixes)}");
            return false;
        }
    }

    /// <summary>Makes a segment that was being written complete: all that was committed is in the file, and there is no WAL.</summary>
    private void RecoverWal(long first, string path, string name)
    {
        WalFrames wal = WalFrames.Read(path);
        using SqliteFile file = SqliteFile.Open(path);
        file.Execute("PRAGMA synchronous = FULL");
        (int frames, _) = file.Checkpoint();
        if (wal.Committed > Math.Max(frames, 0)) // -1 without WAL mode
        {
            // SQLite drops everything behind a bad frame, and reports nothing.
            Skip(first);
            string copy = directory.SetAside(first, true, "-wal");
            Warn($"the WAL of {name} is damaged: {frames} of {wal.Committed} frames were recovered; a copy is in {copy}");
        }

        if (file.Text("PRAGMA quick_check(1)") is var result && result != "ok")
        {
            throw new StoreException(result ?? "no result", StoreFault.Damaged);
        }

        file.Checkpoint(truncate: true);
        if (file.Text("PRAGMA journal_mode = DELETE") != "delete")
        {
            Warn($"{name} keeps its WAL, as another program has it open");
        }

        if (wal.HasFrames)
        {
            Report($"{name} was recovered after an unclean stop");
        }
    }

    /// <summary>Reads where chunk and connection numbers continue.</summary>
    /// <returns>Whether the segment has chunks.</returns>
    private bool ReadEnd(string path)
    {
        using SqliteFile file = SqliteFile.Open(path, readOnly: true);
        if (file.Number("SELECT count(*) FROM sqlite_master WHERE name = 'chunks'") == 0 || file.Text("SELECT max(id) FROM chunks") is null)
        {
            return false;
        }

        _nextChunk = Math.Max(_nextChunk, file.Number("SELECT max(id) FROM chunks") + 1);
        _nextConnection = Math.Max(_nextConnection, file.Number("SELECT max(connection) FROM peers") + 1);
        LastClosed = Math.Max(LastClosed, file.Number("SELECT max(closed) FROM chunks WHERE id = (SELECT max(id) FROM chunks)"));
        return true;
    }

    /// <summary>Whether a database was not closed: then it has a WAL, or a journal.</summary>
    private static bool IsInWalMode(string path)
    {
        const int readVersion = 19, wal = 2;
        using FileStream file = File.OpenRead(path);
        file.Position = readVersion;
        return file.ReadByte() == wal;
    }

    /// <summary>Leaves out the chunk numbers that a lost part may have had.</summary>
    private void Skip(long first) => _nextChunk = Math.Max(_nextChunk, first + StoreDirectory.UnknownChunks);

    /// <summary>Deletes what an interrupted creation or deletion left.</summary>
    private void DeleteLeftovers()
    {
        foreach (string file in Directory.EnumerateFiles(directory.Path, "*.db-*"))
        {
            string owner = file[..file.LastIndexOf('-')];
            bool isNumber = Path.GetFileNameWithoutExtension(owner).All(char.IsAsciiDigit); // others are not the store's
            if (isNumber && !File.Exists(owner))
            {
                File.Delete(file);
            }
        }
    }

    private void Warn(string finding)
    {
        _findings++;
        logger.StoreDamaged(finding);
    }

    private void Report(string finding)
    {
        _findings++;
        logger.StoreRecovered(finding);
    }

    /// <summary>Returns what is wrong with a database's first page and length; null if nothing is.</summary>
    internal static string? CheckHeader(string path)
    {
        Span<byte> header = stackalloc byte[100];
        using FileStream file = File.OpenRead(path);
        if (file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length)
        {
            // A WAL may have the first page.
            return WalFrames.Read(path).HasFrames ? null : "it is empty";
        }

        int pageBytes = BinaryPrimitives.ReadUInt16BigEndian(header[16..]);
        long pages = BinaryPrimitives.ReadUInt32BigEndian(header[28..]);
        bool current = header[24..28].SequenceEqual(header[92..96]); // else the number of pages is not maintained
        return !header[..16].SequenceEqual("SQLite format 3\0"u8) ? "it is no SQLite database"
            : current && pageBytes * pages > file.Length && !WalFrames.Read(path).HasFrames
                ? $"it has {file.Length} of {pageBytes * pages} bytes"
            : null;
    }
}

/// <summary>What a WAL file itself says that was committed.</summary>
/// <param name="HasFrames">Whether there are frames at all.</param>
/// <param name="Committed">Frames up to the last one that ends a transaction.</param>
internal readonly record struct WalFrames(bool HasFrames, int Committed)
{
    private const int HeaderBytes = 32;

    /// <summary>Reads the WAL of a database; see sqlite.org/fileformat2.html#walformat.</summary>
    /// <remarks>
    /// Frames of an earlier round differ in their salt. Checksums of frames are not verified: a bad one is what is searched for.
    /// If the header is bad, SQLite ignores the whole WAL; then the first frame's salt counts.
    /// </remarks>
    public static WalFrames Read(string databasePath)
    {
        string path = databasePath + "-wal";
        if (!File.Exists(path))
        {
            return default;
        }

        using FileStream file = File.OpenRead(path);
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes)
        {
            return default;
        }

        int frames = 0;
        int committed = 0;
        Span<byte> frame = stackalloc byte[24];
        Span<byte> salt = IsValid(header) ? header[16..24] : [];
        for (long at = HeaderBytes; at + Segment.FrameBytes <= file.Length; at += Segment.FrameBytes)
        {
            file.Position = at;
            file.ReadExactly(frame);
            frames++;
            if (salt.IsEmpty)
            {
                salt = frame[8..16].ToArray();
            }

            if (frame[8..16].SequenceEqual(salt) && BinaryPrimitives.ReadUInt32BigEndian(frame[4..]) != 0)
            {
                committed = frames;
            }
        }

        return new WalFrames(frames > 0, committed);
    }

    private static bool IsValid(ReadOnlySpan<byte> header)
    {
        bool big = (header[3] & 1) != 0; // the checksum's byte order is part of the magic number
        uint first = 0;
        uint second = 0;
        for (int i = 0; i < 24; i += 8)
        {
            first += Read(header[i..]) + second;
            second += Read(header[(i + 4)..]) + first;
        }

        return BinaryPrimitives.ReadUInt32BigEndian(header[24..]) == first && BinaryPrimitives.ReadUInt32BigEndian(header[28..]) == second;

        uint Read(ReadOnlySpan<byte> word) =>
            big ? BinaryPrimitives.ReadUInt32BigEndian(word) : BinaryPrimitives.ReadUInt32LittleEndian(word);
    }
}
