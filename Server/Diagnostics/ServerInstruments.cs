using System.Diagnostics.Metrics;

namespace DotNettyFraming.Server.Diagnostics;

/// <summary>Every instrument of the server: names, units, and what they mean. Made only where somebody can ask (<c>--admin</c>).</summary>
/// <remarks>
/// <para>Names are OpenTelemetry's, with dots; Prometheus has <c>_</c> for them, the unit behind, and <c>_total</c> behind what only grows:
/// <c>framing.unfinished</c> in bytes is <c>framing_unfinished_bytes</c>. A unit in braces is a word for the reader, and in no name.</para>
/// <para>All but the two histograms are read from counters that the event loops keep anyway, when somebody asks. There is no observable histogram,
/// so those are recorded, once a batch (<see cref="BatchRecorder"/>).</para>
/// </remarks>
internal sealed class ServerInstruments : IDisposable
{
    /// <summary>The meter's name, for exporters and <c>dotnet-counters</c>.</summary>
    public const string MeterName = "DotNettyFraming.Server";

    private const string Connections = "{connection}";
    private const string Packets = "{packet}";
    private const string Bytes = "{byte}"; // in the name already: `By` would stand there twice

    private static readonly CloseReason[] Refusals = [CloseReason.TooManyConnections, CloseReason.TooManyFromAddress];

    /// <summary>What accepting can meet in its ordinary life, told as zero from the start: a counter that appears with its first
    /// increase has no rate.</summary>
    private static readonly string[] UsualAcceptErrors = ["ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"];

    private readonly Meter _meter = new(MeterName);
    private readonly ServerCounters _counters;
    private readonly IServerProbe _probe;
    private readonly ServerSampler _sampler;

    /// <summary>Makes them, and has each event loop's batches recorded. Before the server starts.</summary>
    public ServerInstruments(ServerCounters counters, ServerLife life, IServerProbe probe, ServerSampler sampler, TimeProvider time)
    {
        _counters = counters;
        _probe = probe;
        _sampler = sampler;
        _meter.CreateObservableGauge("framing.uptime", () => life.Uptime.TotalSeconds, "s", "Time since the server's start.");
        AddConnections();
        AddPackets();
        AddBytes();
        AddEventLoops();
        AddBatches(time);
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private void AddConnections()
    {
        _meter.CreateObservableUpDownCounter("framing.connections.open", () => _counters.Open, Connections, "Connections open now.");
        _meter.CreateObservableUpDownCounter(
            "framing.connections.paused", () => _counters.Paused, Connections, "Connections held back now, as processing lags behind.");
        _meter.CreateObservableCounter(
            "framing.paused", () => _counters.PausedTime.TotalSeconds, "s", "Time for which connections were held back, summed over them.");
        _meter.CreateObservableCounter("framing.connections.accepted", () => _counters.Accepted, Connections, "Connections accepted, refused ones included.");
        _meter.CreateObservableCounter(
            "framing.connections.closed", () => Closed(Enum.GetValues<CloseReason>()), Connections, "Connections that ended, by reason.");
        _meter.CreateObservableCounter(
            "framing.connections.refused", () => Closed(Refusals), Connections, "Connections closed at once for a limit, by reason; among the closed ones.");
        _meter.CreateObservableGauge("framing.connections.limit", () => _probe.MaxConnections, Connections, "Connections that may be open (--max-connections).");
        if (_probe.AcceptErrors is not null)
        {
            _meter.CreateObservableCounter("framing.accept.errors", AcceptErrors, "{error}", "Failures of accept(2), by errno.");
        }
    }

    private void AddPackets()
    {
        _meter.CreateObservableCounter("framing.packets.received", () => _counters.PacketsReceived, Packets, "Packets found whole.");
        _meter.CreateObservableCounter("framing.packets.processed", () => _counters.PacketsProcessed, Packets, "Packets whose processing completed.");
        _meter.CreateObservableCounter(
            "framing.packets.dropped", () => _counters.PacketsDropped, Packets, "Packets received whose processing failed or was given up.");
        _meter.CreateObservableGauge(
            "framing.processor.queue.length", () => _counters.PacketsPending, Packets, "Packets received and not processed yet.");
    }

    private void AddBytes()
    {
        _meter.CreateObservableCounter("framing.bytes.received", () => _counters.BytesReceived, Bytes, "Bytes read from connections.");
        _meter.CreateObservableCounter("framing.bytes.payload", () => _counters.BytesPayload, Bytes, "Payload bytes of the packets received.");
        _meter.CreateObservableCounter(
            "framing.bytes.discarded", () => _counters.BytesDiscarded, Bytes, "Bytes that became part of no packet: after a fault, or cut off.");
        _meter.CreateObservableUpDownCounter("framing.unfinished", () => _counters.BytesUnfinished, "By", "Bytes held for packets that are not whole yet.");
        _meter.CreateObservableUpDownCounter(
            "framing.unfinished.allocated", () => _counters.BytesAllocated, "By", "Memory allocated for packets that are not whole yet.");
        _meter.CreateObservableGauge(
            "framing.unfinished.limit", () => _probe.MaxBufferedBytes, "By", "Memory that may be held for packets that are not whole yet (--max-buffered).");
    }

    private void AddEventLoops()
    {
        if (_probe.EventLoops.Any(loop => loop.Load is not null))
        {
            _meter.CreateObservableGauge(
                "framing.event_loop.busy_ratio", () => Loops(loop => loop.Busy), "1", "Share of the last second in which the event loop computed.");
            _meter.CreateObservableGauge(
                "framing.event_loop.queue.length", () => Loops(loop => loop.QueueLength), "{task}", "Tasks that wait for the event loop.");
        }
    }

    private void AddBatches(TimeProvider time)
    {
        Histogram<int> packets = _meter.CreateHistogram(
            "framing.read.packets",
            Packets,
            "Packets that came in one read.",
            advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192] });
        Histogram<long> age = _meter.CreateHistogram(
            "framing.packet.age",
            "s",
            "Age of the first packet of a read: arrival less the header's time.",
            advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = [.. PacketAges.BoundsSeconds.Select(bound => (long)bound)] });
        foreach (LoopCounters loop in _counters.Loops)
        {
            loop.Recorder = new BatchRecorder(packets, age, time);
        }

        _meter.CreateObservableCounter(
            "framing.clock_skew", () => _counters.Skewed, "{read}", "Reads whose first packet says that it was made in the future; in no age.");
        _meter.CreateObservableCounter(
            "framing.clock_unset", () => _counters.Unset, "{read}", "Reads whose first packet is from before 2015: a clock never set; in no age.");
    }

    private IEnumerable<Measurement<long>> Closed(IEnumerable<CloseReason> reasons) =>
        reasons.Select(reason => new Measurement<long>(_counters.Closed(reason), Tag("reason", reason.ToString())));

    private IEnumerable<Measurement<long>> AcceptErrors()
    {
        IReadOnlyDictionary<string, long> counts = _probe.AcceptErrors!;
        return UsualAcceptErrors.Union(counts.Keys).Select(errno => new Measurement<long>(counts.GetValueOrDefault(errno), Tag("errno", errno)));
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
