using System.Diagnostics.Metrics;

namespace DotNettyFraming.Server.Metrics;

/// <summary>The server's instruments, read from counters that the event loops keep anyway; created when first exported.</summary>
/// <remarks>
/// OpenTelemetry's names have dots. Prometheus replaces them by <c>_</c>, and appends the unit, and <c>_total</c> to a counter:
/// <c>framing.unfinished</c> in bytes is <c>framing_unfinished_bytes</c>. For <c>/metrics</c> the two histograms are no instruments,
/// because no histogram is observable (<see cref="BatchRecorder"/>).
/// </remarks>
internal sealed class ServerInstruments : IDisposable
{
    /// <summary>The meter's name, for exporters and <c>dotnet-counters</c>.</summary>
    public const string MeterName = "DotNettyFraming.Server";

    /// <summary>The meter of the histograms per loop, for a collector.</summary>
    public const string PushedMeterName = $"{MeterName}.Loops";

    public const string PacketsName = "framing.read.packets";
    public const string PacketsText = "Packets that came in one read.";
    public const string AgeName = "framing.packet.age";
    public const string AgeText = "Age of the first packet of a read: arrival less the header's time.";

    private static readonly CloseReason[] Refusals = [CloseReason.TooManyConnections, CloseReason.TooManyFromAddress];

    /// <summary>Errors reported as zero from the start: a counter that appears with its first increase has no rate.</summary>
    private static readonly string[] UsualAcceptErrors = ["ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"];

    private readonly Meter _meter;
    private readonly Meter _pushedMeter;
    private readonly ServerCounters _counters;
    private readonly IServerProbe _probe;
    private readonly ServerSampler _sampler;

    /// <summary>Creates the instruments.</summary>
    public ServerInstruments(ServerCounters counters, ServerLife life, IServerProbe probe, ServerSampler sampler)
    {
        // The scope distinguishes several servers in one process.
        _meter = new Meter(new MeterOptions(MeterName) { Scope = counters });
        _pushedMeter = new Meter(new MeterOptions(PushedMeterName) { Scope = counters });
        _counters = counters;
        _probe = probe;
        _sampler = sampler;
        _meter.CreateObservableGauge("framing.uptime", () => life.Uptime.TotalSeconds, "s", "Time since the server's start.");
        foreach (CounterRow row in CounterTable.Rows)
        {
            AddCounter(row);
        }

        AddConnections();
        AddLimits();
        if (counters.Store is { } store)
        {
            AddStore(store);
        }

        if (counters.Forward is { } forward)
        {
            AddForward(forward);
        }

        AddEventLoops();
    }

    /// <summary>Pushes each batch to the histograms of a collector, one series per event loop. Call it before the server starts.</summary>
    public void PushBatches()
    {
        Histogram<int> packets = _pushedMeter.CreateHistogram(
            PacketsName, "{packet}", PacketsText,
            advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = LoopHistogram.PacketBounds });
        Histogram<long> ages = _pushedMeter.CreateHistogram(
            AgeName, "s", AgeText,
            advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = [.. LoopHistogram.AgeBounds.Select(bound => (long)bound)] });
        for (int loop = 0; loop < _counters.Loops.Count; loop++)
        {
            _counters.Loops[loop].Recorder!.Pushed = new PushedHistograms(packets, ages, Tag("loop", $"{loop}"));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _meter.Dispose();
        _pushedMeter.Dispose();
    }

    private void AddCounter(CounterRow row)
    {
        if (row.Metric is null || (row.NeedsTime && !_probe.HasPacketTime))
        {
            return;
        }

        if (row.Falls)
        {
            _meter.CreateObservableUpDownCounter(row.Metric, () => _counters[row.Counter], row.Unit, row.Text);
        }
        else
        {
            _meter.CreateObservableCounter(row.Metric, () => _counters[row.Counter], row.Unit, row.Text);
        }
    }

    private void AddConnections()
    {
        const string Unit = "{connection}";
        _meter.CreateObservableUpDownCounter("framing.connections.open", () => _counters.Open, Unit, "Connections open now.");
        _meter.CreateObservableCounter(
            "framing.paused", () => _counters.PausedTime.TotalSeconds, "s", "Time for which connections were paused, summed over all.");
        _meter.CreateObservableCounter(
            "framing.connections.closed", () => Closed(Enum.GetValues<CloseReason>()), Unit, "Connections that ended, by reason.");
        _meter.CreateObservableCounter(
            "framing.connections.refused", () => Closed(Refusals), Unit, "Connections closed immediately for a limit, by reason.");
        if (_probe.AcceptErrors is not null)
        {
            _meter.CreateObservableCounter("framing.accept.errors", AcceptErrors, "{error}", "Failures of accept(2), by errno.");
        }

        _meter.CreateObservableGauge(
            "framing.processor.queue.length", () => _counters.Read().PacketsPending, "{packet}", "Packets received and not processed yet.");
    }

    private void AddLimits()
    {
        _meter.CreateObservableGauge(
            "framing.connections.limit", () => _probe.MaxConnections, "{connection}", "Connections that may be open (--max-connections).");
        _meter.CreateObservableGauge(
            "framing.unfinished.limit", () => _probe.MaxBufferedBytes, "By", "Memory allowed for unfinished packets (--max-buffered).");
    }

    private void AddStore(StoreCounters store)
    {
        _meter.CreateObservableCounter("framing.store.packets", () => store.Packets, "{packet}", "Packets stored.");
        _meter.CreateObservableCounter("framing.store.bytes", () => store.Bytes, "{byte}", "Bytes of the packets stored.");
        _meter.CreateObservableCounter("framing.store.commits", () => store.Commits, "{commit}", "Commits of the store.");
        _meter.CreateObservableCounter(
            "framing.store.commit.time", () => store.CommitTime.TotalSeconds, "s", "Time that all commits took.");
        _meter.CreateObservableCounter("framing.store.failures", () => store.Failures, "{failure}", "Failed commits and checkpoints.");
        _meter.CreateObservableGauge("framing.store.pending", () => store.PendingBytes(), "By", "Bytes of packets not stored yet.");
        _meter.CreateObservableGauge(
            "framing.store.pending.age", () => store.PendingAge().TotalSeconds, "s", "Age of the oldest packet not stored yet.");
        _meter.CreateObservableGauge("framing.store.disk", () => store.DiskBytes, "By", "Disk space that the store takes.");
        _meter.CreateObservableGauge(
            "framing.store.waits", () => store.WaitsFor is null ? 0 : 1, "1", "1 while the store cannot write for lack of room.");
    }

    private void AddForward(ForwardCounters forward)
    {
        _meter.CreateObservableCounter("framing.forward.packets", () => forward.Packets, "{packet}", "Packets forwarded.");
        _meter.CreateObservableCounter("framing.forward.entries", () => forward.Entries, "{entry}", "Entries forwarded, one per chunk.");
        _meter.CreateObservableCounter("framing.forward.failures", () => forward.Failures, "{failure}", "Interruptions of forwarding.");
        _meter.CreateObservableGauge("framing.forward.lag", () => forward.LagBytes(), "By", "Bytes of packets stored and not forwarded.");
        _meter.CreateObservableGauge(
            "framing.forward.lag.age", () => forward.Lag().TotalSeconds, "s", "Time since everything stored was forwarded.");
        _meter.CreateObservableGauge(
            "framing.forward.connected", () => forward.IsConnected ? 1 : 0, "1", "1 while entries can be appended.");
        _meter.CreateObservableGauge(
            "framing.forward.redis.used", () => forward.Memory.Used, "By", "Memory that the stream's Redis server uses.");
        _meter.CreateObservableGauge(
            "framing.forward.redis.limit", () => forward.Memory.Limit, "By", "Its maxmemory; 0 = no limit.");
    }

    private void AddEventLoops()
    {
        if (_probe.EventLoops.Any(loop => loop.Load is not null))
        {
            _meter.CreateObservableGauge(
                "framing.event_loop.busy_ratio", () => Loops(loop => loop.Busy), "1", "Share of the last second in which the loop ran.");
            _meter.CreateObservableGauge(
                "framing.event_loop.queue.length", () => Loops(loop => loop.QueueLength), "{task}", "Tasks that wait for the event loop.");
        }
    }

    private IEnumerable<Measurement<long>> Closed(IEnumerable<CloseReason> reasons) =>
        reasons.Select(reason => new Measurement<long>(_counters.Closed(reason), Tag("reason", reason.ToString())));

    private IEnumerable<Measurement<long>> AcceptErrors()
    {
        IReadOnlyDictionary<string, long> counts = _probe.AcceptErrors!;
        return UsualAcceptErrors.Union(counts.Keys)
            .Select(errno => new Measurement<long>(counts.GetValueOrDefault(errno), Tag("errno", errno)));
    }

    private IEnumerable<Measurement<T>> Loops<T>(Func<LoopSample, T> value)
        where T : struct
    {
        LoopSample?[] samples = _sampler.Newest.Loops;
        for (int i = 0; i < samples.Length; i++)
        {
            if (samples[i] is { } sample)
            {
                yield return new Measurement<T>(value(sample), Tag("loop", _probe.EventLoops[i].Label));
            }
        }
    }

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
