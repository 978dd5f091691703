using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Storage;

/// <summary>Deletes whole segments: those whose newest packet is old, the oldest first.</summary>
/// <remarks>Threads: the writer's.</remarks>
internal sealed class Retention(StoreDirectory directory, TimeSpan retain, ILogger logger)
{
    /// <summary>One segment at most is deleted in this time, unless room is needed.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromMinutes(1);

    private DateTimeOffset _lastDeletion = DateTimeOffset.MinValue;
    private (long Segment, DateTimeOffset Newest, long LastChunk)? _oldest;

    /// <summary>The chunks that were forwarded, which alone may be deleted; null if nothing is forwarded.</summary>
    public ForwardedChunks? Forwarded { get; init; }

    /// <summary>Deletes the oldest segment if it is due.</summary>
    /// <param name="open">Segments that are open for writing, which stay.</param>
    /// <param name="now">The time.</param>
    /// <param name="needsRoom">Whether to delete without waiting.</param>
    /// <returns>The bytes that it had; 0 if none was deleted.</returns>
    public long DeleteOldest(ReadOnlySpan<long> open, DateTimeOffset now, bool needsRoom)
    {
        if (retain == TimeSpan.Zero || (!needsRoom && now - _lastDeletion < Pace)
            || directory.Segments is not [var oldest, ..] || open.Contains(oldest))
        {
            return 0;
        }

        long bytes = Segment.SizeOf(directory.PathOf(oldest));
        DateTimeOffset newest;
        long last;
        try
        {
            (newest, last) = EndOf(oldest);
        }
        catch (StoreException e) when (e.Fault == StoreFault.Damaged || bytes == 0)
        {
            // By hand, or by the disk: packets that arrive are stored anyway.
            logger.StoreDamaged(bytes == 0
                ? $"{Segment.NameOf(oldest)} is missing"
                : $"{Segment.NameOf(oldest)} is damaged ({e.Message}); it is in {directory.SetAside(oldest, false, SqliteFile.Suffixes)}");
            directory.Delete(oldest);
            return bytes;
        }

        if (now - newest <= retain || last > (Forwarded?.DeletableTo ?? last))
        {
            return 0;
        }

        directory.Delete(oldest);
        _lastDeletion = now;
        logger.SegmentDeleted(Segment.NameOf(oldest), bytes, newest);
        return bytes;
    }

    private (DateTimeOffset Newest, long LastChunk) EndOf(long segment)
    {
        if (_oldest is not { } known || known.Segment != segment)
        {
            using SqliteFile file = SqliteFile.Open(directory.PathOf(segment), readOnly: true);
            long closed = file.Number("SELECT closed FROM chunks ORDER BY id DESC LIMIT 1");
            _oldest = known = (segment, DateTimeOffset.FromUnixTimeMilliseconds(closed), file.Number("SELECT max(id) FROM chunks"));
        }

        return (known.Newest, known.LastChunk);
    }
}

/// <summary>The last chunk forwarded, and which one it was ten minutes ago: a failover can rewind a stream by seconds.</summary>
/// <remarks>Any thread. A sample each ten seconds; at start, all that was forwarded counts as forwarded now.</remarks>
internal sealed class ForwardedChunks(TimeProvider time)
{
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(10);
    private readonly Lock _lock = new();
    private readonly Queue<(long At, long Chunk)> _samples = new();
    private long _last = -1;
    private long _sampled = -1;
    private long _sampledAt;
    private long _deletableTo = -1;

    /// <summary>The chunk up to which all were forwarded ten minutes ago; −1 if none was.</summary>
    public long DeletableTo
    {
        get
        {
            lock (_lock)
            {
                Sample();
                return _deletableTo;
            }
        }
    }

    /// <summary>Marks the chunks up to this one as forwarded.</summary>
    public void Advance(long chunk)
    {
        lock (_lock)
        {
            _last = chunk;
            Sample();
        }
    }

    /// <summary>Marks the chunks behind this one as not forwarded.</summary>
    public void Rewind(long chunk)
    {
        lock (_lock)
        {
            for (int left = _samples.Count; left > 0; left--)
            {
                (long at, long sampled) = _samples.Dequeue();
                _samples.Enqueue((at, Math.Min(sampled, chunk)));
            }

            (_last, _sampled, _deletableTo) = (chunk, Math.Min(_sampled, chunk), Math.Min(_deletableTo, chunk));
        }
    }

    private void Sample()
    {
        long now = time.GetTimestamp();
        if (_last > _sampled && (_samples.Count == 0 || time.GetElapsedTime(_sampledAt, now) >= Step))
        {
            (_sampled, _sampledAt) = (_last, now);
            _samples.Enqueue((now, _last));
        }

        while (_samples.TryPeek(out (long At, long Chunk) oldest) && time.GetElapsedTime(oldest.At, now) >= Kept)
        {
            _deletableTo = Math.Max(_deletableTo, _samples.Dequeue().Chunk);
        }
    }
}

/// <summary>What the options say about the store.</summary>
internal sealed record StoreRules
{
    /// <summary>The directory.</summary>
    public required string Directory { get; init; }

    /// <summary>The server's name; null for the store's, or the host's.</summary>
    public string? Node { get; init; }

    /// <summary>The header layout, as text.</summary>
    public required string Header { get; init; }

    /// <summary>The shortest time from commit to commit, unless enough waits.</summary>
    public TimeSpan CommitInterval { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Bytes of packets at which a segment ends.</summary>
    public long SegmentBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Age of a segment's newest packet at which it is deleted; zero is never.</summary>
    public TimeSpan Retain { get; init; }

    /// <summary>Bytes that the store may take on the disk; 0 is no limit.</summary>
    public long MaxBytes { get; init; }

    /// <summary>Whether chunks are forwarded, and kept until they are.</summary>
    public bool Forwards { get; init; }
}
