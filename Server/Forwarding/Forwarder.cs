using System.Threading.Channels;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Storage;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace DotNettyFraming.Server.Forwarding;

/// <summary>Ships a store's chunks to a stream of Redis, in order, each once per id.</summary>
/// <remarks>
/// Several calls are in flight; each names its predecessor, so a call that fails makes those behind it fail too. Whatever happens, it reads
/// the id of the stream's last entry and continues behind it. It never skips a chunk that can be read. Threads: one task.
/// </remarks>
internal sealed class Forwarder : IAsyncDisposable
{
    /// <summary>Bytes of packets in flight. Measured: 8 times 512 KiB reach 90 MB/s with <c>appendfsync always</c>.</summary>
    private const int WindowBytes = 8 * 1024 * 1024;

    private const int WindowCalls = 64;

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BetweenReports = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan BetweenSurveys = TimeSpan.FromSeconds(10);

    private readonly ForwardRules _rules;
    private readonly StoreWriter _store;
    private readonly StoreCounters _stored;
    private readonly ForwardCounters _counters;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>The calls that are not confirmed, in order; the first <see cref="_appended"/> are appended.</summary>
    private readonly List<Call> _calls = [];
    private readonly string _key;
    private readonly ChunkSource _chunks;
    private int _appended;
    private long _callBytes;
    private StreamId? _forwarded;
    private string _predecessor = "";
    private string? _savedCursor;
    private string? _server;
    private long _savedAt;
    private long? _surveyedAt;
    private long? _reportedAt;
    private long _interruptedAt;
    private bool _isInterrupted;
    private bool _isReported;
    private bool _wasRefused;
    private TimeSpan _wait = ShortestWait;
    private long _lagMark;
    private long _behindSince;
    private volatile bool _draining;
    private Task? _run;

    public Forwarder(
        ForwardRules rules, StoreWriter store, StoreCounters stored, ForwardCounters counters, TimeProvider time, ILogger logger)
    {
        _rules = rules;
        _store = store;
        _stored = stored;
        _counters = counters;
        _time = time;
        _logger = logger;
        _key = RedisStream.KeyOf(rules.Stream, store.Node);
        _forwarded = StreamId.Parse(_savedCursor = store.ForwardCursor);
        store.Forwarded!.Advance(_forwarded?.Chunk ?? -1);
        store.OnCommitted = () => _wake.Writer.TryWrite(true);
        _chunks = new ChunkSource(_key, store, counters, logger);
        ReadBehind(_forwarded?.Chunk ?? -1);
        _behindSince = _forwarded?.Time ?? Now;
        _counters.LagBytes = () => Math.Max(0, _stored.Bytes - Volatile.Read(ref _lagMark));
        _counters.Lag = () => _counters.LagBytes() == 0
            ? TimeSpan.Zero
            : TimeSpan.FromMilliseconds(Math.Max(0, Now - Volatile.Read(ref _behindSince)));
    }

    /// <summary>Receives, for each part forwarded, the connection and the position behind its last packet. Set before the start.</summary>
    public Action<IReadOnlyList<(long Connection, long End)>>? OnForwarded { get; set; }

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Starts to forward.</summary>
    public void Start() => _run = Task.Run(RunAsync);

    /// <summary>Forwards what is stored, as long as Redis accepts it and there is time, and stops.</summary>
    public async Task StopAsync(TimeSpan longest)
    {
        if (_run is { } run)
        {
            _draining = true;
            _wake.Writer.TryWrite(true);
            await Task.WhenAny(run, Task.Delay(longest)).ConfigureAwait(false);
            await _stop.CancelAsync().ConfigureAwait(false);
            await run.ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.Zero).ConfigureAwait(false);
        _chunks.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        CancellationToken stop = _stop.Token;
        RedisStream? stream = null;
        try
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    stream ??= await RedisStream.ConnectAsync(_rules, _store.Node).WaitAsync(stop).ConfigureAwait(false);
                    await ResumeAsync(stream).ConfigureAwait(false);
                    Connected(stream.Server);
                    if (await ForwardAsync(stream, stop).ConfigureAwait(false))
                    {
                        return; // all is forwarded, and the server stops
                    }
                }
                catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
                {
                    // Whatever it was: nothing is lost, as the next attempt asks the stream where it ends.
                    Interrupted(e);
                    if (_draining)
                    {
                        return;
                    }

                    stream = await RecoverAsync(stream, e, stop).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops; what is stored is forwarded after the next start.
        }
        finally
        {
            _counters.IsConnected = false;
            SaveCursor();
            if (stream is not null)
            {
                await stream.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Waits after an error, and closes the connection unless it is only the memory of Redis that is used up.</summary>
    private async Task<RedisStream?> RecoverAsync(RedisStream? stream, Exception error, CancellationToken stop)
    {
        bool isFull = error is RedisServerException && error.Message.StartsWith("OOM", StringComparison.Ordinal);
        if (stream is not null && !(isFull || error is RefusedException))
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            stream = null;
        }

        SaveCursor();
        await Task.Delay(_wait, stop).ConfigureAwait(false);
        _wait = _wait * 2 < LongestWait ? _wait * 2 : LongestWait;
        if (isFull && _rules.Keep > TimeSpan.Zero)
        {
            await stream!.TrimAsync(Now - (long)_rules.Keep.TotalMilliseconds).ConfigureAwait(false);
        }

        return stream;
    }

    /// <summary>Reads where the stream ends, and continues behind it.</summary>
    private async Task ResumeAsync(RedisStream stream)
    {
        await ((Task)Task.WhenAll(_calls.Select(call => call.Reply))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        string text = await stream.ReadLastAsync(rewrite: _rules.Replicas > 0).ConfigureAwait(false);
        if (_rules.Replicas > 0 && text.Length > 0)
        {
            await ConfirmAsync(stream).ConfigureAwait(false);
        }

        long? lost = null;
        long behind;
        if (StreamId.Parse(text) is not { } last)
        {
            behind = -1;
            lost = _forwarded is null ? null : 0;
            _forwarded = null;
        }
        else if (last == _forwarded || _calls.Exists(call => call.Last == last) || _chunks.Has(last))
        {
            // Calls whose replies were lost are confirmed by the stream itself.
            int known = _calls.FindLastIndex(call => call.Last.CompareTo(last) <= 0) + 1;
            Confirm(known);
            behind = last.Chunk;
            lost = _forwarded is { } before && before.CompareTo(last) > 0 ? behind + 1 : null;
            _forwarded = last;
        }
        else if (_forwarded is { } before && before.CompareTo(last) > 0 && before.Chunk > last.Chunk)
        {
            behind = last.Chunk; // so far back that retention has deleted the chunk
            lost = behind + 1;
            _forwarded = last;
        }
        else
        {
            behind = _forwarded?.Chunk ?? -1; // another store's; the check of the next id decides
        }

        _calls.Clear();
        _appended = 0;
        _callBytes = 0;
        _predecessor = text;
        ReadBehind(behind);
        if (lost is { } first)
        {
            _store.Forwarded!.Rewind(behind);
            long next = _chunks.Next;
            string missing = next > first ? $"chunks {first} to {next - 1} no longer exist" : "all of them still exist";
            _logger.StreamRewound(_key, text.Length > 0 ? text : "empty", next, missing);
            _counters.CountFailure();
        }
        else
        {
            _store.Forwarded!.Advance(behind);
        }
    }

    /// <summary>Forwards until an entry is not appended behind its predecessor, or an error is thrown.</summary>
    /// <returns>Whether all is forwarded, and the server stops.</returns>
    private async Task<bool> ForwardAsync(RedisStream stream, CancellationToken stop)
    {
        Task? woken = null;
        Task<long>? confirmation = null;
        int covered = 0;
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            long stored = _stored.Bytes;
            bool isAtEnd = Send(stream);
            while (_appended < _calls.Count && _calls[_appended] is { Reply.IsCompleted: true } call)
            {
                if (await call.Reply.ConfigureAwait(false) != $"{call.Last}")
                {
                    return false; // an earlier call failed, or another writer was there
                }

                _appended++;
            }

            if (_rules.Replicas == 0)
            {
                Confirm(_appended);
            }
            else if (confirmation is null or { IsCompleted: true })
            {
                if (confirmation is not null && HasEnough(await confirmation.ConfigureAwait(false)))
                {
                    Confirm(covered);
                }

                covered = _appended;
                confirmation = covered > 0 ? stream.WaitAsync(_rules.Replicas) : null;
            }

            if (isAtEnd && _calls.Count == 0)
            {
                Volatile.Write(ref _lagMark, stored);
                Volatile.Write(ref _behindSince, Now);
                Progressed();
                if (_draining)
                {
                    return true;
                }
            }

            await SurveyIfDueAsync(stream).ConfigureAwait(false);
            if (_time.GetElapsedTime(_savedAt) >= Second)
            {
                SaveCursor();
            }

            woken ??= isAtEnd ? _wake.Reader.WaitToReadAsync(stop).AsTask() : null;
            await WaitAsync(woken, confirmation, stop).ConfigureAwait(false);
            if (woken is { IsCompleted: true })
            {
                _wake.Reader.TryRead(out _);
                woken = null;
            }
        }
    }

    /// <summary>Waits for a commit, a reply, or a confirmation; if nothing is in flight, a second at most.</summary>
    private Task<Task> WaitAsync(Task? woken, Task? confirmation, CancellationToken stop)
    {
        var events = new List<Task>(3);
        if (woken is not null)
        {
            events.Add(woken);
        }

        if (_appended < _calls.Count)
        {
            events.Add(_calls[_appended].Reply);
        }

        if (confirmation is not null)
        {
            events.Add(confirmation);
        }

        if (_calls.Count == 0)
        {
            events.Add(Task.Delay(Second, stop));
        }

        return Task.WhenAny(events);
    }

    /// <summary>Sends calls until the window is full.</summary>
    /// <returns>Whether everything that is stored was sent.</returns>
    private bool Send(RedisStream stream)
    {
        while (_calls.Count < WindowCalls && _callBytes < WindowBytes)
        {
            List<ChunkEntry> entries = _chunks.Read(_predecessor);
            if (entries.Count == 0)
            {
                return true;
            }

            var call = new Call(entries, stream.AppendAsync(_predecessor, entries));
            _predecessor = $"{call.Last}";
            _callBytes += call.Bytes;
            _calls.Add(call);
        }

        return false;
    }

    /// <summary>Counts the first calls as forwarded.</summary>
    private void Confirm(int calls)
    {
        foreach (Call call in _calls.Take(calls))
        {
            _forwarded = call.Last;
            _callBytes -= call.Bytes;
            _counters.CountEntries(call.Entries.Count, call.Entries.Sum(entry => entry.Packets));
            Volatile.Write(ref _lagMark, _lagMark + call.Bytes);
            Volatile.Write(ref _behindSince, call.Last.Time);
            if (OnForwarded is { } forwarded)
            {
                forwarded([.. call.Entries.SelectMany(entry => entry.Ends)]);
            }
        }

        if (calls > 0)
        {
            Progressed();
            _store.Forwarded!.Advance(_forwarded!.Value.Chunk);
            _calls.RemoveRange(0, calls);
            _appended = Math.Max(0, _appended - calls);
        }
    }

    /// <summary>Waits until replicas have the end of the stream, as a new connection has written it.</summary>
    private async Task ConfirmAsync(RedisStream stream)
    {
        long confirmed = await stream.WaitAsync(_rules.Replicas).ConfigureAwait(false);
        if (confirmed < _rules.Replicas)
        {
            throw new TimeoutException($"{confirmed} of {_rules.Replicas} replicas confirmed in time");
        }
    }

    private bool HasEnough(long confirmed)
    {
        if (confirmed >= _rules.Replicas)
        {
            return true;
        }

        Interrupted(new TimeoutException($"{confirmed} of {_rules.Replicas} replicas confirmed in time"));
        return false;
    }

    /// <summary>Trims the stream, and reads the memory of its server.</summary>
    private async Task SurveyIfDueAsync(RedisStream stream)
    {
        if (_surveyedAt is { } last && _time.GetElapsedTime(last) < BetweenSurveys)
        {
            return;
        }

        _surveyedAt = _time.GetTimestamp();
        try
        {
            _counters.Memory = await stream.ReadMemoryAsync().ConfigureAwait(false);
        }
        catch (RedisServerException)
        {
            // The user may not call INFO.
        }

        if (_rules.Keep > TimeSpan.Zero)
        {
            await stream.TrimAsync(Now - (long)_rules.Keep.TotalMilliseconds).ConfigureAwait(false);
        }
    }

    /// <summary>Continues behind a chunk, and measures how much there is.</summary>
    private void ReadBehind(long chunk)
    {
        long behind = 0;
        try
        {
            behind = _store.BytesBehind(chunk);
        }
        catch (StoreException)
        {
            // A segment was deleted meanwhile; the number is corrected when all is forwarded.
        }

        Volatile.Write(ref _lagMark, _stored.Bytes - behind);
        _chunks.StartBehind(chunk);
    }

    private void SaveCursor()
    {
        string? cursor = _forwarded?.ToString();
        _savedAt = _time.GetTimestamp();
        if (cursor != _savedCursor)
        {
            try
            {
                _store.ForwardCursor = cursor;
                _savedCursor = cursor;
            }
            catch (StoreException)
            {
                _counters.CountFailure(); // an older one costs nothing: the stream itself says where it ends
            }
        }
    }

    private void Interrupted(Exception error)
    {
        _counters.CountFailure();
        _counters.IsConnected = false;
        _interruptedAt = _isInterrupted ? _interruptedAt : _time.GetTimestamp();
        _isInterrupted = true;
        bool isRefused = error is RefusedException;
        if (isRefused == _wasRefused && _reportedAt is { } last && _time.GetElapsedTime(last) < BetweenReports)
        {
            return;
        }

        _wasRefused = isRefused;
        _isReported = true;
        _reportedAt = _time.GetTimestamp();
        string why = error.Message.Split('\n')[0].TrimEnd();
        if (isRefused)
        {
            _logger.ForwardingRefused(why);
        }
        else
        {
            _logger.ForwardingWaits(error is RedisException or TimeoutException or StoreException or IOException ? why : $"{error}");
        }
    }

    private void Connected(string server)
    {
        if (_server != server)
        {
            _server = server;
            _logger.Forwarding(_key, server, _predecessor.Length > 0 ? _predecessor : "no entry");
        }

        _counters.IsConnected = !_isInterrupted;
    }

    /// <summary>Notes that entries are appended, or that none waits: an interruption is over.</summary>
    private void Progressed()
    {
        _wait = ShortestWait;
        if (_isInterrupted)
        {
            _isInterrupted = false;
            _counters.IsConnected = true;
            if (_isReported)
            {
                _isReported = false;
                _logger.ForwardingGoesOn((long)_time.GetElapsedTime(_interruptedAt).TotalSeconds);
            }
        }
    }

    /// <summary>One call of the script.</summary>
    private sealed class Call(List<ChunkEntry> entries, Task<string> reply)
    {
        public List<ChunkEntry> Entries { get; } = entries;

        public Task<string> Reply { get; } = reply;

        public StreamId Last { get; } = entries[^1].Id;

        public int Bytes { get; } = entries.Sum(entry => entry.Bytes);
    }
}
