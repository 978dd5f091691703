using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Storage;

/// <summary>The thread that commits: all loops' groups in one transaction, then the next; it never waits for a loop.</summary>
/// <remarks>While the disk works, the next groups fill. Threads: its own, except where a member says otherwise.</remarks>
internal sealed class StoreWriter : IDisposable
{
    /// <summary>A segment ends after this time.</summary>
    private static readonly TimeSpan MaxSegmentAge = TimeSpan.FromHours(1);

    /// <summary>How often an idle writer checks segments, and a waiting one tries again.</summary>
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan BetweenWarnings = TimeSpan.FromMinutes(1);

    /// <summary>Bytes that do not wait for the commit interval. Measured: 16 KiB of small packets cost 4 bytes written per byte.</summary>
    private const int EnoughBytes = 16 * 1024;

    /// <summary>Bytes that do not wait at all.</summary>
    private const int PlentyBytes = 256 * 1024;

    /// <summary>The least time between two commits of fewer bytes, in times of the last commit; at most the interval.</summary>
    /// <remarks>
    /// A commit writes whole pages. Measured: 132 ns of CPU time per packet instead of 332 (1,000,000 packets/s, 64 per read).
    /// </remarks>
    private const int LastCommits = 5;

    /// <summary>Bytes of a transaction, beyond which the next loop's group waits for the next one.</summary>
    private const long MaxTransactionBytes = 16 * 1024 * 1024;

    private readonly StoreDirectory _directory;
    private readonly StoreRules _rules;
    private readonly StoreCounters _counters;
    private readonly ILogger _logger;
    private readonly Retention _retention;
    private readonly Thread _thread;
    private readonly AutoResetEvent _wake = new(false);
    private readonly TaskCompletionSource<string> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<LoopLog> _loops = [];
    private readonly List<(LoopLog Log, Group Group)> _taken = [];
    private readonly List<Segment> _ended = [];
    private Segment? _segment;
    private long _lastClosed;
    private long _lastTake;
    private TimeSpan _lastCommit;
    private long _lastMaintenance;
    private long _closedBytes;
    private int _nextLoop;
    private int _wantsWake;
    private volatile int _wakeBytes;
    private volatile bool _draining;
    private volatile bool _stopping;

    private StoreWriter(
        StoreDirectory directory, StoreRules rules, StoreCounters counters, TimeProvider time, ILogger logger, StoreRecovery recovery)
    {
        _directory = directory;
        _rules = rules;
        _counters = counters;
        _logger = logger;
        Time = time;
        FirstConnection = recovery.Run(time.GetUtcNow());
        _lastClosed = recovery.LastClosed;
        Forwarded = rules.Forwards ? new ForwardedChunks(time) : null;
        _retention = new Retention(directory, rules.Retain, logger) { Forwarded = Forwarded };
        _closedBytes = directory.Segments.Sum(segment => Segment.SizeOf(directory.PathOf(segment)));
        _thread = new Thread(Run) { Name = "store", IsBackground = true };
        counters.PendingBytes = () => _loops.Sum(loop => loop.PendingBytes);
        counters.PendingAge = () => _loops.Min(loop => loop.OldestReceived) is < long.MaxValue and var oldest
            ? TimeSpan.FromMilliseconds(Math.Max(0, time.GetUtcNow().ToUnixTimeMilliseconds() - oldest))
            : TimeSpan.Zero;
    }

    /// <summary>The clock that receive times are read from.</summary>
    public TimeProvider Time { get; }

    /// <summary>The number of the first connection.</summary>
    public long FirstConnection { get; }

    /// <summary>The server's name in the store.</summary>
    public string Node => _directory.Node;

    /// <summary>The directory.</summary>
    public string Path => _directory.Path;

    /// <summary>The number of the next chunk. Any thread.</summary>
    public long NextChunk => _directory.NextChunk;

    /// <summary>The chunks that were forwarded; null if nothing is.</summary>
    public ForwardedChunks? Forwarded { get; }

    /// <summary>Called after each commit, on the writer's thread. Set before <see cref="Start"/>.</summary>
    public Action? OnCommitted { get; set; }

    /// <summary>The stream id of the last chunk forwarded, in <c>store.json</c>; null if there is none. Any thread.</summary>
    public string? ForwardCursor
    {
        get => _directory.Manifest.Forwarded;
        set => _directory.Save(manifest => manifest with { Forwarded = value });
    }

    /// <summary>Completes with the cause when the store has failed for good.</summary>
    public Task<string> Failed => _failed.Task;

    /// <summary>Opens a directory, and recovers it.</summary>
    /// <exception cref="StoreException">The directory is in use, or cannot be used.</exception>
    public static StoreWriter Open(StoreRules rules, StoreCounters counters, TimeProvider time, ILogger logger)
    {
        StoreDirectory directory = StoreDirectory.Open(rules.Directory, rules.Node);
        try
        {
            return new StoreWriter(directory, rules, counters, time, logger, new StoreRecovery(directory, logger));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            directory.Dispose();
            throw new StoreException(e.Message, StoreFault.Final, e);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>Returns the bytes of packets behind a chunk: exact in its segment, later segments by their files. Any thread.</summary>
    public long BytesBehind(long chunk)
    {
        long[] segments = [.. _directory.Segments];
        int current = Array.FindLastIndex(segments, first => first <= chunk + 1);
        long later = segments.Skip(current + 1).Sum(first => Segment.SizeOf(_directory.PathOf(first)));
        if (current < 0)
        {
            return later;
        }

        using SqliteFile file = SqliteFile.Open(_directory.PathOf(segments[current]), readOnly: true);
        return later + file.Number($"SELECT sum(length(bytes)) FROM chunks WHERE id > {chunk}");
    }

    /// <summary>Adds an event loop's log; before <see cref="Start"/>.</summary>
    /// <param name="execute">Runs an action on the event loop, soon; any thread.</param>
    /// <param name="setWaits">Receives whether the store cannot write for now; any thread.</param>
    public LoopLog AddLoop(Action<Action> execute, Action<bool> setWaits)
    {
        var log = new LoopLog(this, execute, setWaits);
        _loops.Add(log);
        return log;
    }

    /// <summary>Starts to commit.</summary>
    public void Start() => _thread.Start();

    /// <summary>Commits without waiting for more packets from now on. Any thread.</summary>
    public void Drain()
    {
        _draining = true;
        _wake.Set();
    }

    /// <summary>Commits what is ready, ends the segment and stops; after the event loops. Any thread.</summary>
    public void Dispose()
    {
        _draining = true;
        _stopping = true;
        _wake.Set();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        _directory.Dispose();
        _wake.Dispose();
    }

    /// <summary>A loop has made a group ready: wakes the writer if it waits for that. The loop's thread.</summary>
    internal void Published(long bytes)
    {
        if (bytes > _wakeBytes && Volatile.Read(ref _wantsWake) == 1 && Interlocked.Exchange(ref _wantsWake, 0) == 1)
        {
            _wake.Set();
        }
    }

    private void Run()
    {
        try
        {
            while (!_stopping || IsReady(0))
            {
                Wait();
                Take();
                if (_taken.Count > 0 && !CommitTaken())
                {
                    break;
                }

                Maintain();
            }

            EndSegment();
            _ended.RemoveAll(TryClose); // what a reader still keeps open is closed at the next start
        }
        catch (Exception e)
        {
            // Whatever it was: what is not committed is never acknowledged, and nothing is tried again.
            _counters.CountFailure();
            _logger.StoreFailed(e is StoreException ? e.Message : e.ToString());
            _failed.TrySetResult(e.Message);
        }
        finally
        {
            _segment?.Dispose();
            _ended.ForEach(segment => segment.Dispose());
        }
    }

    /// <summary>Waits until a group is ready, and until the interval since the last commit is over or enough waits.</summary>
    private void Wait()
    {
        if (!IsReady(0))
        {
            Sleep(0, Idle);
        }

        SleepUntil(_rules.CommitInterval, EnoughBytes);
        SleepUntil(TimeSpan.FromTicks(Math.Min(_rules.CommitInterval.Ticks, LastCommits * _lastCommit.Ticks)), PlentyBytes);
    }

    /// <summary>Sleeps until this time after the last take, or until this many bytes are ready.</summary>
    private void SleepUntil(TimeSpan sinceLastTake, int bytes)
    {
        TimeSpan left = sinceLastTake - Time.GetElapsedTime(_lastTake);
        if (left > TimeSpan.Zero && !_draining)
        {
            Sleep(bytes / _loops.Count, left);
        }
    }

    private bool IsReady(long bytes) => _loops.Exists(loop => loop.ReadyBytes > bytes);

    /// <summary>Sleeps until a loop has more than this many bytes ready.</summary>
    private void Sleep(int bytes, TimeSpan longest)
    {
        _wakeBytes = bytes;
        Interlocked.Exchange(ref _wantsWake, 1); // a full fence: a loop publishes before it checks
        if (!_stopping && !IsReady(bytes))
        {
            _wake.WaitOne(longest);
        }

        Volatile.Write(ref _wantsWake, 0);
    }

    /// <summary>Takes what is ready, from another loop first each time.</summary>
    private void Take()
    {
        long now = Time.GetTimestamp();
        long bytes = 0;
        for (int i = 0; i < _loops.Count && bytes < MaxTransactionBytes; i++)
        {
            LoopLog log = _loops[(_nextLoop + i) % _loops.Count];
            if (log.Take() is { } group)
            {
                _taken.Add((log, group));
                bytes += group.Bytes;
            }
        }

        _nextLoop = (_nextLoop + 1) % _loops.Count;
        _lastTake = _taken.Count > 0 ? now : _lastTake; // a loop may be filling the group that was ready
    }

    /// <summary>Commits what was taken, waiting for room if there is none.</summary>
    /// <returns>False if the server stops meanwhile.</returns>
    private bool CommitTaken()
    {
        long bytes = _taken.Sum(each => each.Group.Bytes);
        if (!Retry(() => Commit(bytes)))
        {
            return false;
        }

        foreach ((LoopLog log, Group group) in _taken)
        {
            log.Return(group);
        }

        _taken.Clear();
        return true;
    }

    /// <summary>Commits what was taken; after an error it can be done again, under the same chunk numbers.</summary>
    private void Commit(long bytes)
    {
        DateTimeOffset now = Time.GetUtcNow();
        Segment segment = CurrentSegment(now, bytes);
        long start = Time.GetTimestamp();
        long chunk = _directory.NextChunk;
        long closed = Math.Max(_lastClosed, now.ToUnixTimeMilliseconds());
        segment.Begin();
        foreach ((_, Group group) in _taken)
        {
            for (int i = 0; i < group.ChunkCount; i++)
            {
                segment.Add(chunk++, closed, group.Chunks[i]);
            }

            foreach (Touched touched in group.Touched)
            {
                if (touched.Connection.SinkState.Segment != Mark(segment))
                {
                    segment.AddPeer(touched.Connection.Id, touched.Connection.Peer);
                }
            }
        }

        segment.Commit(bytes);
        _directory.NextChunk = chunk;
        _lastClosed = closed;
        foreach ((_, Group group) in _taken)
        {
            foreach (Touched touched in group.Touched)
            {
                touched.Connection.SinkState.Segment = Mark(segment);
            }
        }

        _lastCommit = Time.GetElapsedTime(start);
        _counters.CountCommit(_taken.Sum(each => each.Group.Packets), bytes, _lastCommit);
        OnCommitted?.Invoke();
    }

    /// <summary>Returns the mark of connections whose peer the segment has; never 0.</summary>
    private static long Mark(Segment segment) => segment.FirstChunk + 1;

    /// <summary>Returns the segment to write to, a new one if the last is full or old.</summary>
    private Segment CurrentSegment(DateTimeOffset now, long bytes)
    {
        EndSegmentIfDue(now);
        long needed = Math.Min(bytes, _rules.SegmentBytes); // more than that may never fit
        while (_rules.MaxBytes > 0 && MeasureDisk() + needed > _rules.MaxBytes)
        {
            if (!DeleteOldest(now, needsRoom: true))
            {
                throw new StoreException($"the store's {_counters.DiskBytes} bytes leave no room within --store-max", StoreFault.NoSpace);
            }
        }

        if (_segment is null)
        {
            Segment next = Segment.Create(_directory, _rules.Header, now);
            try
            {
                _directory.Save(manifest => manifest with { Segments = [.. manifest.Segments, next.FirstChunk] });
            }
            catch
            {
                next.Dispose();
                throw;
            }

            _segment = next;
        }

        return _segment;
    }

    /// <summary>After the acknowledgements: copies the WAL, closes ended segments, deletes old ones.</summary>
    private void Maintain()
    {
        try
        {
            long timestamp = Time.GetTimestamp();
            DateTimeOffset now = Time.GetUtcNow();
            _segment?.CheckpointIfDue();
            EndSegmentIfDue(now);
            if (Time.GetElapsedTime(_lastMaintenance, timestamp) >= Idle)
            {
                _lastMaintenance = timestamp;
                _ended.RemoveAll(TryClose);
                DeleteOldest(now, needsRoom: false);
                MeasureDisk();
            }
        }
        catch (StoreException e) when (e.IsTemporary)
        {
            _counters.CountFailure(); // the next commit finds no room either, and waits
        }
    }

    private void EndSegmentIfDue(DateTimeOffset now)
    {
        if (_segment is { } segment && (segment.Bytes >= _rules.SegmentBytes || segment.MustEnd || now - segment.Created >= MaxSegmentAge))
        {
            EndSegment();
        }
    }

    private void EndSegment()
    {
        if (_segment is { } segment)
        {
            _segment = null;
            if (!TryClose(segment))
            {
                _ended.Add(segment);
            }
        }
    }

    private bool TryClose(Segment segment)
    {
        if (!segment.TryClose())
        {
            return false; // a reader has it open
        }

        _closedBytes += segment.DiskBytes;
        return true;
    }

    private bool DeleteOldest(DateTimeOffset now, bool needsRoom)
    {
        long[] open = [.. _ended.Append(_segment).OfType<Segment>().Select(segment => segment.FirstChunk)];
        long deleted = _retention.DeleteOldest(open, now, needsRoom);
        _closedBytes -= deleted;
        return deleted > 0;
    }

    private long MeasureDisk() => _counters.DiskBytes = _closedBytes + _ended.Append(_segment).Sum(segment => segment?.DiskBytes ?? 0);

    private void SetWaitsFor(string? reason)
    {
        bool changed = (reason is null) != (_counters.WaitsFor is null);
        _counters.WaitsFor = reason;
        if (changed)
        {
            _loops.ForEach(loop => loop.SetWaits(reason is not null));
        }
    }

    /// <summary>Runs an action until it succeeds, once per second; logs why it waits, and when it goes on.</summary>
    /// <returns>False if the server stops meanwhile.</returns>
    private bool Retry(Action action)
    {
        long started = Time.GetTimestamp();
        long? warned = null;
        while (true)
        {
            try
            {
                action();
                if (warned is not null)
                {
                    SetWaitsFor(null);
                    _logger.StoreResumed((long)Time.GetElapsedTime(started).TotalSeconds);
                }

                return true;
            }
            catch (StoreException e) when (e.IsTemporary)
            {
                _segment?.Rollback();
                _counters.CountFailure();
                SetWaitsFor(e.Message);
                if (warned is not { } last || Time.GetElapsedTime(last) >= BetweenWarnings)
                {
                    warned = Time.GetTimestamp();
                    _logger.StorePaused(e.Message);
                }
            }

            if (_stopping)
            {
                return false;
            }

            _wake.WaitOne(Idle);
            Maintain();
        }
    }
}
