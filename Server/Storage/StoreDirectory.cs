using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DotNettyFraming.Server.Storage;

/// <summary>A store's directory: <c>store.json</c>, which says what belongs to it, the segments, and a lock.</summary>
/// <remarks>
/// One process writes; readers need no lock. Threads: the start's, then the writer's, except where a member says otherwise.
/// </remarks>
internal sealed class StoreDirectory : IDisposable
{
    /// <summary>Chunk numbers left out behind a segment whose last chunk is not known: more than a segment can have.</summary>
    public const long UnknownChunks = 1L << 32;

    /// <summary>The folder of what was set aside.</summary>
    public const string SetAsideFolder = "set-aside";

    private const string ManifestName = "store.json";
    private readonly FileStream _lock;
    private readonly Lock _saving = new();
    private long _nextChunk;

    private StoreDirectory(string path, FileStream @lock, StoreManifest manifest)
    {
        Path = path;
        _lock = @lock;
        Manifest = manifest;
        NextChunk = manifest.NextChunk;
    }

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>The store's id, random.</summary>
    public string Id => Manifest.Store;

    /// <summary>The server's name.</summary>
    public string Node => Manifest.Node;

    /// <summary>The number of the next chunk. Any thread reads.</summary>
    public long NextChunk
    {
        get => Volatile.Read(ref _nextChunk);
        set => Volatile.Write(ref _nextChunk, value);
    }

    /// <summary>What <c>store.json</c> has.</summary>
    public StoreManifest Manifest { get; private set; }

    /// <summary>Its segments, by their first chunk, oldest first.</summary>
    public IReadOnlyList<long> Segments => Manifest.Segments;

    /// <summary>Locks a directory, creates a store in it if there is none, and reads <c>store.json</c>.</summary>
    /// <param name="path">The directory; created if it does not exist.</param>
    /// <param name="node">The server's name if it is given; a store keeps its name.</param>
    /// <exception cref="StoreException">Another process has it, or it is of another format or node.</exception>
    public static StoreDirectory Open(string path, string? node)
    {
        path = System.IO.Path.GetFullPath(path);
        FileStream? held = null;
        try
        {
            Create(path);
            held = new FileStream(System.IO.Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            StoreManifest manifest = ReadManifest(path) ?? Rebuild(path) ?? new StoreManifest
            {
                Format = Segment.Format,
                Store = Guid.NewGuid().ToString("N"),
                Node = node ?? DefaultNode(Environment.MachineName),
            };
            if (node is not null && node != manifest.Node)
            {
                throw new StoreException($"'{path}' belongs to node '{manifest.Node}', not to '{node}'", StoreFault.Final);
            }

            return new StoreDirectory(path, held, manifest);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            const int eagain = 11;
            throw new StoreException(e.HResult == eagain ? $"'{path}' is in use by another process" : e.Message, StoreFault.Final, e);
        }
        catch
        {
            held?.Dispose();
            throw;
        }
    }

    /// <summary>Reads <c>store.json</c> of a directory; null if there is none.</summary>
    /// <exception cref="StoreException">It is of another format, or damaged.</exception>
    public static StoreManifest? ReadManifest(string path)
    {
        string file = System.IO.Path.Combine(path, ManifestName);
        if (!File.Exists(file))
        {
            return null;
        }

        StoreManifest? manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(File.ReadAllBytes(file), StoreJson.Default.StoreManifest);
        }
        catch (JsonException e)
        {
            throw new StoreException(
                $"'{file}' is damaged ({e.Message}); move it away, and it is made again from the segments", StoreFault.Damaged, e);
        }

        return manifest is { Format: Segment.Format, Store.Length: > 0, Node.Length: > 0 }
            ? manifest
            : throw new StoreException(
                $"'{file}' has format {manifest?.Format}; this version reads format {Segment.Format}", StoreFault.Final);
    }

    /// <summary>Writes <c>store.json</c>; it is durable when this returns. Any thread.</summary>
    public void Save(Func<StoreManifest, StoreManifest> change)
    {
        lock (_saving)
        {
            StoreManifest next = change(Manifest) with { NextChunk = NextChunk };
            byte[] contents = JsonSerializer.SerializeToUtf8Bytes(next, StoreJson.Default.StoreManifest);
            DurableFile.Replace(System.IO.Path.Combine(Path, ManifestName), contents);
            Manifest = next;
        }
    }

    /// <summary>Returns a segment's path.</summary>
    public string PathOf(long firstChunk) => System.IO.Path.Combine(Path, Segment.NameOf(firstChunk));

    /// <summary>Returns the first chunks of the segments that lie in a directory, oldest first.</summary>
    public static IEnumerable<long> Find(string path) => Directory.EnumerateFiles(path, "*.db")
        .Select(file => long.TryParse(
            System.IO.Path.GetFileNameWithoutExtension(file), NumberStyles.None, CultureInfo.InvariantCulture, out long first) ? first : -1)
        .Where(first => first >= 0)
        .Order();

    /// <summary>Deletes a segment: from the list first, so that none is missed that is not missing.</summary>
    public void Delete(long firstChunk)
    {
        StoreManifest Without(StoreManifest manifest) =>
            manifest with { Segments = [.. manifest.Segments.Where(each => each != firstChunk)] };
        try
        {
            Save(Without);
            DeleteFiles(firstChunk);
        }
        catch (StoreException e) when (e.Fault == StoreFault.NoSpace)
        {
            DeleteFiles(firstChunk); // a full disk has room only afterwards
            Save(Without);
        }
    }

    /// <summary>Deletes a segment's files, as far as they exist.</summary>
    public void DeleteFiles(long firstChunk)
    {
        foreach (string suffix in SqliteFile.Suffixes)
        {
            File.Delete(PathOf(firstChunk) + suffix);
        }
    }

    /// <summary>Moves a segment's files, as far as they exist, to where no later one overwrites them.</summary>
    /// <returns>The new path of the first.</returns>
    public string SetAside(long firstChunk, bool copy = false, params ReadOnlySpan<string> suffixes)
    {
        string folder = System.IO.Path.Combine(Path, SetAsideFolder);
        Create(folder);
        int number = 0;
        string target;
        do
        {
            target = System.IO.Path.Combine(folder, Segment.NameOf(firstChunk) + (number == 0 ? "" : $".{number}"));
            number++;
        }
        while (SqliteFile.Suffixes.Any(suffix => File.Exists(target + suffix)));

        foreach (string suffix in suffixes)
        {
            string source = PathOf(firstChunk) + suffix;
            if (File.Exists(source) && copy)
            {
                File.Copy(source, target + suffix);
                DurableFile.Sync(target + suffix); // before recovery empties the original
            }
            else if (File.Exists(source))
            {
                File.Move(source, target + suffix);
            }
        }

        DurableFile.Sync(folder);
        return target;
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    /// <summary>Creates a directory, and its parents, durably.</summary>
    private static void Create(string path)
    {
        if (!Directory.Exists(path) && System.IO.Path.GetDirectoryName(path) is { } parent)
        {
            Create(parent);
            Directory.CreateDirectory(path);
            DurableFile.Sync(parent);
        }
    }

    /// <summary>Returns a host name as a node's name may be.</summary>
    internal static string DefaultNode(string host)
    {
        string node = string.Concat(host.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '-'));
        return node.Length > 0 ? node : "node";
    }

    /// <summary>Makes what <c>store.json</c> has from the newest segment that can be read; null if there is none.</summary>
    private static StoreManifest? Rebuild(string path)
    {
        foreach (long first in Find(path).Reverse())
        {
            try
            {
                using SqliteFile file = SqliteFile.Open(System.IO.Path.Combine(path, Segment.NameOf(first)), readOnly: true);
                if (file.Text("SELECT value FROM segment WHERE name = 'store'") is { } store
                    && file.Text("SELECT value FROM segment WHERE name = 'node'") is { } node)
                {
                    return new StoreManifest { Format = Segment.Format, Store = store, Node = node, NextChunk = first };
                }
            }
            catch (StoreException e) when (e.Fault == StoreFault.Damaged)
            {
                // The one before says the same.
            }
        }

        return null;
    }
}

/// <summary>The contents of <c>store.json</c>.</summary>
internal sealed record StoreManifest
{
    /// <summary>The format's version.</summary>
    public int Format { get; init; }

    /// <summary>The store's id.</summary>
    public string Store { get; init; } = "";

    /// <summary>The server's name.</summary>
    public string Node { get; init; } = "";

    /// <summary>The first chunk number that no segment listed before this was written has.</summary>
    public long NextChunk { get; init; }

    /// <summary>The first connection number that was not in use when this was written.</summary>
    public long NextConnection { get; init; }

    /// <summary>The segments, by their first chunk, oldest first.</summary>
    public IReadOnlyList<long> Segments { get; init; } = [];

    /// <summary>The stream id of the last chunk forwarded; a newer one may have been.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Forwarded { get; init; }
}

/// <summary>Reads and writes <c>store.json</c> without reflection.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(StoreManifest))]
internal sealed partial class StoreJson : JsonSerializerContext;
