namespace DotNettyFraming.Server.Diagnostics;

/// <summary>Takes a <see cref="ServerSample"/> each second and keeps those of the last minutes; and surveys connections while somebody looks.</summary>
/// <remarks>
/// A sample reads some hundred fields, whether anybody looks or not, so that a page opened late shows what was before. A survey makes the event
/// loops go through their connections: only while <see cref="Watch"/> is called. Any thread.
/// </remarks>
internal sealed class ServerSampler : IDisposable
{
    /// <summary>Between two samples.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Samples kept: five minutes, some 200 KiB.</summary>
    public const int Kept = 300;

    /// <summary>Connections of each kind in a survey.</summary>
    public const int Surveyed = 10;

    /// <summary>How long after the last <see cref="Watch"/> surveys go on.</summary>
    private static readonly TimeSpan WatchLasts = TimeSpan.FromSeconds(5);

    private readonly ServerCounters _counters;
    private readonly IServerProbe _probe;
    private readonly TimeProvider _time;
    private readonly Queue<ServerSample> _samples = new(Kept);
    private readonly Lock _sampling = new();
    private readonly ITimer _timer;
    private ServerSample _newest;
    private (DateTimeOffset Time, PeerSurvey Survey)? _survey;
    private long _lastSampled;
    private long _watchedAt;
    private int _surveying;

    /// <summary>Takes the first sample, and begins.</summary>
    public ServerSampler(ServerCounters counters, IServerProbe probe, TimeProvider time)
    {
        _counters = counters;
        _probe = probe;
        _time = time;
        _watchedAt = time.GetTimestamp() - (long)(2 * WatchLasts.TotalSeconds * time.TimestampFrequency);
        _lastSampled = time.GetTimestamp();
        _newest = Take(null, TimeSpan.Zero);
        _samples.Enqueue(_newest);
        _timer = time.CreateTimer(_ => Tick(), null, Interval, Interval);
    }

    /// <summary>The last sample.</summary>
    public ServerSample Newest => Volatile.Read(ref _newest);

    /// <summary>Whether somebody looks.</summary>
    private bool IsWatched => _time.GetElapsedTime(Volatile.Read(ref _watchedAt)) < WatchLasts;

    /// <summary>Somebody looks: for a while from now connections are surveyed.</summary>
    /// <returns>The last survey, and when it was made; null where nobody looked lately, or it has not been made yet.</returns>
    public (DateTimeOffset Time, PeerSurvey Survey)? Watch()
    {
        lock (_sampling)
        {
            if (!IsWatched)
            {
                _survey = null;
            }

            Volatile.Write(ref _watchedAt, _time.GetTimestamp());
            return _survey;
        }
    }

    /// <summary>The samples kept with a greater number, oldest first.</summary>
    public ServerSample[] After(long number)
    {
        lock (_sampling)
        {
            return [.. _samples.Where(sample => sample.Number > number)];
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        lock (_sampling)
        {
            long now = _time.GetTimestamp();
            ServerSample sample = Take(_newest, _time.GetElapsedTime(_lastSampled, now));
            _lastSampled = now;
            Volatile.Write(ref _newest, sample);
            if (_samples.Count == Kept)
            {
                _samples.Dequeue();
            }

            _samples.Enqueue(sample);
        }

        if (IsWatched && Interlocked.Exchange(ref _surveying, 1) == 0)
        {
            _ = SurveyAsync();
        }
    }

    private async Task SurveyAsync()
    {
        try
        {
            if (await _probe.SurveyAsync(Surveyed).ConfigureAwait(false) is { } survey)
            {
                lock (_sampling)
                {
                    _survey = (_time.GetUtcNow(), survey);
                }
            }
        }
        finally
        {
            Volatile.Write(ref _surveying, 0);
        }
    }

    private ServerSample Take(ServerSample? before, TimeSpan sinceLast)
    {
        // Processed before received: what happens meanwhile makes no difference negative.
        long dropped = _counters.PacketsDropped;
        long processed = _counters.PacketsProcessed;
        ConnectionCounts connections = _counters.Connections;
        return new ServerSample
        {
            Number = (before?.Number ?? 0) + 1,
            Time = _time.GetUtcNow(),
            SinceLast = sinceLast,
            Open = connections.Open,
            Closed = connections.Closed,
            Accepted = connections.Accepted,
            Paused = _counters.Paused,
            PacketsDropped = dropped,
            PacketsProcessed = processed,
            PacketsReceived = _counters.PacketsReceived,
            BytesUnfinished = _counters.BytesUnfinished,
            BytesAllocated = _counters.BytesAllocated,
            BytesDiscarded = _counters.BytesDiscarded,
            BytesPayload = _counters.BytesPayload,
            BytesReceived = _counters.BytesReceived,
            Batches = _counters.Batches,
            Ages = [.. Enumerable.Range(0, PacketAges.Buckets).Select(_counters.WithAge)],
            Skewed = _counters.Skewed,
            Unset = _counters.Unset,
            WorkingSet = Environment.WorkingSet,
            Heap = GC.GetTotalMemory(forceFullCollection: false),
            Collections = GC.CollectionCount(0),
            CollectionPauses = GC.GetTotalPauseDuration(),
            Loops = [.. _probe.EventLoops.Select((loop, index) => Look(loop.Load, before?.Loops[index], sinceLast))],
        };
    }

    private static LoopSample? Look(IEventLoopLoad? load, LoopSample? before, TimeSpan sinceLast)
    {
        if (load is null)
        {
            return null;
        }

        TimeSpan cpuTime = load.CpuTime;
        double busy = before is null || sinceLast <= TimeSpan.Zero ? 0 : Math.Clamp((cpuTime - before.CpuTime) / sinceLast, 0, 1);
        return new LoopSample(cpuTime, busy, load.QueueLength);
    }
}
