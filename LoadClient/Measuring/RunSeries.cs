using DotNettyFraming.LoadClient.Sending;

namespace DotNettyFraming.LoadClient.Measuring;

/// <summary>Takes the run's figures each second: the series that reports and progress show, and the latencies of the whole run.</summary>
/// <remarks>
/// The loops record into an interval's histograms; a sample is taken by a task on each loop, which swaps them, so recording needs no lock.
/// Samples are taken one after another, whoever asks.
/// </remarks>
internal sealed class RunSeries
{
    /// <summary>Samples kept at most: a run of a day, second by second; longer runs get longer intervals.</summary>
    internal const int MostSamples = 86_400;

    private readonly IReadOnlyList<LoadLoop> _loops;
    private readonly TimeProvider _clock;
    private readonly Lock _lock = new();
    private readonly List<SecondSample> _samples = [];
    private readonly LatencyInterval _interval = new();
    private readonly LatencyInterval _total = new();
    private readonly long _began;
    private LatencyInterval _phase = new();
    private Task _taking = Task.CompletedTask;
    private LoadTotals _before;
    private long _beforeAt;

    /// <summary>Begins the series of these loops now.</summary>
    public RunSeries(IReadOnlyList<LoadLoop> loops, TimeProvider clock)
    {
        _loops = loops;
        _clock = clock;
        _began = _beforeAt = clock.GetTimestamp();
        _before = Totals();
    }

    /// <summary>Told of each sample; on the thread that takes it.</summary>
    public Action<SecondSample>? Sampled { get; set; }

    /// <summary>The samples so far, oldest first. Read it when none is being taken.</summary>
    public IReadOnlyList<SecondSample> Samples => _samples;

    /// <summary>All latencies so far. Read it when no sample is being taken.</summary>
    public LatencyInterval Latencies => _total;

    /// <summary>Takes a sample each interval until it is stopped.</summary>
    /// <param name="longest">How long the run may take, if that is known.</param>
    /// <param name="stop">Ends it.</param>
    public async Task RunAsync(TimeSpan? longest, CancellationToken stop)
    {
        var interval = TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling((longest?.TotalSeconds ?? 0) / MostSamples)));
        try
        {
            for (long i = 1; ;)
            {
                // By the clock and not one after another, so that the intervals do not drift.
                TimeSpan wait = (i * interval) - _clock.GetElapsedTime(_began);
                await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, _clock, stop);
                await TakeAsync();
                // What a stall has missed is in this sample: the next one is due at the next whole interval. Timers can be early.
                i = Math.Max(i, (long)(_clock.GetElapsedTime(_began) / interval)) + 1;
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The run is over; whoever ends it takes the last sample.
        }
    }

    /// <summary>Takes a sample now, since the last one.</summary>
    public Task TakeAsync()
    {
        lock (_lock)
        {
            return _taking = TakeAfterAsync(_taking);
        }
    }

    /// <summary>Ends a phase of the run: takes a sample, and begins to add up anew.</summary>
    /// <returns>The write latency of the phase that ends.</returns>
    public async Task<Latency> EndPhaseAsync()
    {
        await TakeAsync();
        LatencyInterval ended = Interlocked.Exchange(ref _phase, new LatencyInterval());
        return Latency.Of(ended.Write);
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
        if (length > TimeSpan.Zero && _samples.Count < MostSamples)
        {
            var sample = new SecondSample(
                _clock.GetElapsedTime(_began, at),
                length,
                now.PacketsSent - _before.PacketsSent,
                now.BytesSent - _before.BytesSent,
                now.Open,
                now.PacketsLate - _before.PacketsLate,
                Latency.Of(_interval.Connect),
                Latency.Of(_interval.Write));
            _samples.Add(sample);
            Sampled?.Invoke(sample);
        }

        (_before, _beforeAt) = (now, at);
    }

    private LoadTotals Totals() => LoadTotals.Sum(_loops.Select(loop => loop.Counters));
}
