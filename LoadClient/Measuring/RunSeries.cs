using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>A sample of the run per second, and the latencies of the whole run.</summary>
/// <remarks>The loops swap their histograms when a sample is taken, so recording needs no lock.</remarks>
internal sealed class RunSeries
{
    internal const int MaxSamples = 86_400; // one per second for a day; longer runs get longer intervals
    private static readonly TimeSpan ShortestLast = TimeSpan.FromSeconds(0.5);

    private readonly IReadOnlyList<LoadLoop> _loops;
    private readonly TimeProvider _clock;
    private readonly Lock _lock = new();
    private readonly List<SecondSample> _samples = [];
    private readonly bool _acknowledged;
    private readonly LatencyInterval _interval;
    private readonly LatencyInterval _total;
    private readonly long _began;
    private LatencyInterval _phase;
    private Task _taking = Task.CompletedTask;
    private LoadTotals _before;
    private long _beforeAt;

    public RunSeries(IReadOnlyList<LoadLoop> loops, TimeProvider clock, bool acknowledged = false)
    {
        _acknowledged = acknowledged;
        (_interval, _total, _phase) = (new(acknowledged), new(acknowledged), new(acknowledged));
        _loops = loops;
        _clock = clock;
        _began = _beforeAt = clock.GetTimestamp();
        _before = Totals();
    }

    public Action<SecondSample>? Sampled { get; set; } // called with each sample, on the thread that takes it
    public IReadOnlyList<SecondSample> Samples => _samples; // oldest first; read it when no sample is being taken
    public LatencyInterval Latencies => _total; // of the whole run; read it when no sample is being taken

    /// <summary>Takes a sample per interval until it is stopped.</summary>
    public async Task RunAsync(TimeSpan? longest, CancellationToken stop)
    {
        var interval = TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling((longest?.TotalSeconds ?? 0) / MaxSamples)));
        try
        {
            for (long i = 1; ;)
            {
                // From the start and not from the last sample, so that the intervals do not drift.
                TimeSpan wait = (i * interval) - _clock.GetElapsedTime(_began);
                await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, _clock, stop);
                await TakeAsync();
                // After a stall, one sample covers the missed intervals. Timers can be early.
                i = Math.Max(i, (long)(_clock.GetElapsedTime(_began) / interval)) + 1;
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The run is over; LoadRun takes the last sample.
        }
    }

    /// <summary>Takes a sample now, after any that is being taken.</summary>
    public Task TakeAsync()
    {
        lock (_lock)
        {
            return _taking = TakeAfterAsync(_taking);
        }
    }

    /// <summary>Ends a phase of the run, and returns its write latency.</summary>
    public async Task<Latency> EndPhaseAsync()
    {
        await TakeAsync();
        LatencyInterval ended = Interlocked.Exchange(ref _phase, new LatencyInterval(_acknowledged));
        return ended.Of(LatencyKind.Write);
    }

    /// <summary>Merges neighbours until at most <paramref name="max"/> are left, each with the greatest latency of its parts.</summary>
    internal static IReadOnlyList<SecondSample> Merge(IReadOnlyList<SecondSample> samples, int max)
    {
        // A very short last interval would have odd rates; it is merged with the one before.
        if (samples.Count > 1 && samples[^1].Length < ShortestLast)
        {
            samples = [.. samples.SkipLast(2), SecondSample.Merge([.. samples.TakeLast(2)])];
        }

        int size = (int)Math.Ceiling(samples.Count / (double)max);
        return size <= 1 ? samples : [.. samples.Chunk(size).Select(SecondSample.Merge)];
    }

    private async Task TakeAfterAsync(Task before)
    {
        await before;
        _interval.Reset();
        foreach (LatencyInterval part in await Task.WhenAll(_loops.Select(loop => loop.TakeIntervalAsync())))
        {
            _interval.Add(part);
        }

        long at = _clock.GetTimestamp();
        LoadTotals now = Totals();
        TimeSpan length = _clock.GetElapsedTime(_beforeAt, at);
        _total.Add(_interval);
        _phase.Add(_interval);
        if (length > TimeSpan.Zero && _samples.Count < MaxSamples)
        {
            var sample = new SecondSample(
                _clock.GetElapsedTime(_began, at),
                length,
                now.PacketsSent - _before.PacketsSent,
                now.BytesSent - _before.BytesSent,
                now.Open,
                now.PacketsLate - _before.PacketsLate,
                _interval.Of(LatencyKind.Connect),
                _interval.Of(LatencyKind.Write),
                now.PacketsAcknowledged - _before.PacketsAcknowledged,
                _interval.Of(LatencyKind.Acknowledgement));
            _samples.Add(sample);
            Sampled?.Invoke(sample);
        }

        (_before, _beforeAt) = (now, at);
    }

    private LoadTotals Totals() => LoadTotals.Sum(_loops.Select(loop => loop.Counters));
}

/// <summary>One interval of a run, usually a second. <c>End</c> counts from the start of the run.</summary>
internal sealed record SecondSample(
    TimeSpan End,
    TimeSpan Length,
    long Packets,
    long Bytes,
    long Open,
    long Late,
    Latency Connect,
    Latency Write,
    long Acknowledged = 0,
    Latency Acknowledgement = default)
{
    public double PacketsPerSecond => Packets / Length.TotalSeconds;
    public double BytesPerSecond => Bytes / Length.TotalSeconds;
    public double AcknowledgedPerSecond => Acknowledged / Length.TotalSeconds;

    /// <summary>Returns neighbours as one sample, with the sum of each count and the greatest of each latency.</summary>
    public static SecondSample Merge(SecondSample[] samples) => new(
        samples[^1].End,
        samples.Aggregate(TimeSpan.Zero, (length, sample) => length + sample.Length),
        samples.Sum(sample => sample.Packets),
        samples.Sum(sample => sample.Bytes),
        samples[^1].Open,
        samples.Sum(sample => sample.Late),
        samples.Select(sample => sample.Connect).Aggregate(Latency.Greatest),
        samples.Select(sample => sample.Write).Aggregate(Latency.Greatest),
        samples.Sum(sample => sample.Acknowledged),
        samples.Select(sample => sample.Acknowledgement).Aggregate(Latency.Greatest));
}
