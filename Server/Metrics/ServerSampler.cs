using System.Buffers.Text;
using DotNettyFraming.Hosting;
using Microsoft.Win32.SafeHandles;

namespace DotNettyFraming.Server.Metrics;

/// <summary>Takes a <see cref="ServerSample"/> per second, keeps five minutes of them, and surveys connections on request.</summary>
/// <remarks>
/// It samples also while no page is open, so that a page opened later shows the time before. A survey visits every connection, so it
/// needs a recent <see cref="Watch"/>. Any thread.
/// </remarks>
internal sealed class ServerSampler : IDisposable
{
    /// <summary>The time between two samples.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Samples kept: five minutes, about 200 KiB.</summary>
    public const int Kept = 300;

    /// <summary>Connections of each kind in a survey.</summary>
    public const int Surveyed = 10;

    /// <summary>The time for which surveys continue after the last <see cref="Watch"/>.</summary>
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

    /// <summary>Takes the first sample, and starts the timer.</summary>
    public ServerSampler(ServerCounters counters, IServerProbe probe, TimeProvider time)
    {
        _counters = counters;
        _probe = probe;
        _time = time;
        _watchedAt = time.GetTimestamp() - (long)(2 * WatchLasts.TotalSeconds * time.TimestampFrequency);
        _lastSampled = time.GetTimestamp();
        _newest = Take(null, TimeSpan.Zero);
        _samples.Enqueue(_newest);
        _timer = time.CreateAlignedTimer(Tick, Interval);
    }

    /// <summary>The last sample.</summary>
    public ServerSample Newest => Volatile.Read(ref _newest);

    private bool IsWatched => _time.GetElapsedTime(Volatile.Read(ref _watchedAt)) < WatchLasts;

    /// <summary>Keeps surveys running for the next seconds, and returns the last one.</summary>
    /// <returns>The survey and its time; null if there was none while watched.</returns>
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

    /// <summary>Returns the samples kept whose number is greater, oldest first.</summary>
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

    private ServerSample Take(ServerSample? before, TimeSpan sinceLast) => new()
    {
        Number = (before?.Number ?? 0) + 1,
        Time = _time.GetUtcNow(),
        SinceLast = sinceLast,
        Counters = _counters.Read(),
        Ages = _counters.Histogram(recorder => recorder.Ages)?.Counts ?? [],
        WorkingSet = ResidentBytes(),
        Heap = GC.GetTotalMemory(forceFullCollection: false),
        Collections = GC.CollectionCount(0),
        CollectionPauses = GC.GetTotalPauseDuration(),
        ForwardLag = _counters.Forward is { } forward ? (forward.LagBytes(), forward.Lag()) : null,
        Loops = [.. _probe.EventLoops.Select((loop, index) => SampleOf(loop.Load, before?.Loops[index], sinceLast))],
    };

    /// <summary>Reads the resident memory without System.Diagnostics.Process, which <see cref="Environment.WorkingSet"/> loads.</summary>
    private static long ResidentBytes()
    {
        if (!OperatingSystem.IsLinux())
        {
            return Environment.WorkingSet;
        }

        Span<byte> text = stackalloc byte[128];
        using SafeFileHandle file = File.OpenHandle("/proc/self/statm"); // proc_pid_statm(5): size resident …, in pages
        text = text[..RandomAccess.Read(file, text, fileOffset: 0)];
        text = text[(text.IndexOf((byte)' ') + 1)..];
        return Utf8Parser.TryParse(text, out long pages, out _) ? pages * Environment.SystemPageSize : 0;
    }

    private static LoopSample? SampleOf(IEventLoopLoad? load, LoopSample? before, TimeSpan sinceLast)
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

/// <summary>The server at one moment; values are totals since start unless their comment says otherwise.</summary>
internal sealed record ServerSample
{
    /// <summary>Its number, from 1.</summary>
    public required long Number { get; init; }

    /// <summary>When it was taken.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Time since the previous sample; zero for the first.</summary>
    public required TimeSpan SinceLast { get; init; }

    /// <summary>The counters.</summary>
    public required CounterReading Counters { get; init; }

    /// <summary>Batches by the age of their first packet, per bucket.</summary>
    public required long[] Ages { get; init; }

    /// <summary>Resident memory now, bytes.</summary>
    public required long WorkingSet { get; init; }

    /// <summary>Memory in use on the garbage collector's heap now, bytes.</summary>
    public required long Heap { get; init; }

    /// <summary>Garbage collections.</summary>
    public required long Collections { get; init; }

    /// <summary>Time for which collections stopped all threads.</summary>
    public required TimeSpan CollectionPauses { get; init; }

    /// <summary>Bytes stored and not forwarded now, and the time since there were none; null without forwarding.</summary>
    public required (long Bytes, TimeSpan Time)? ForwardLag { get; init; }

    /// <summary>The event loops, in the order of <see cref="IServerProbe.EventLoops"/>; null if the load is unknown.</summary>
    public required LoopSample?[] Loops { get; init; }
}

/// <summary>One event loop at one moment.</summary>
/// <param name="CpuTime">CPU time since its start.</param>
/// <param name="Busy">The share of the time since the previous sample in which it ran, 0 to 1.</param>
/// <param name="QueueLength">Waiting tasks.</param>
internal sealed record LoopSample(TimeSpan CpuTime, double Busy, int QueueLength);
