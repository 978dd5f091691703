using System.Diagnostics.Metrics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using DotNettyFraming.Server.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace DotNettyFraming.Server.Admin;

/// <summary>Exports the metrics, the runtime's included: <c>/metrics</c> for Prometheus, and OTLP to a collector if one is named.</summary>
/// <remarks>
/// OpenTelemetry records each value of a histogram under a lock that all event loops would share. So <c>/metrics</c> gets its histograms
/// from the loops' sums, written here; a collector gets one series per loop.
/// </remarks>
internal sealed class MetricsExport : IDisposable
{
    /// <summary>The collector's address. OpenTelemetry's SDK reads this variable, and its other <c>OTEL_…</c> variables.</summary>
    public const string CollectorVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private const string RuntimeMeter = "System.Runtime";

    /// <summary>Metrics left out: Prometheus reserves names that end in <c>_count</c> for histograms.</summary>
    private static readonly string[] NotExported = ["dotnet.assembly.count", "dotnet.process.cpu.count", "dotnet.timer.count"];

    /// <summary>Series per instrument, unless there are more event loops; the SDK's default allocates 2,000, 6 MiB in total.</summary>
    /// <remarks>A series is a close reason, or an exception's type: no peer can add one.</remarks>
    private const int FewSeries = 64;

    private readonly ServerCounters _counters;
    private readonly bool _hasPacketTime;
    private readonly Lazy<ServerInstruments> _instruments;
    private readonly Lazy<(MeterProvider Provider, RequestDelegate Answer)> _scraped;
    private readonly MeterProvider? _pushed;

    /// <summary>Creates the export. The first scrape builds the exporter, as it takes about 60 ms of CPU and 5 MiB.</summary>
    public MetricsExport(ServerCounters counters, ServerLife life, IServerProbe probe, ServerSampler sampler)
    {
        _counters = counters;
        _hasPacketTime = probe.HasPacketTime;
        _instruments = new(() => new ServerInstruments(counters, life, probe, sampler));
        _scraped = new(NewExporter);
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(CollectorVariable)))
        {
            _pushed = StartPushing();
        }
    }

    /// <summary>Answers <c>/metrics</c>: the histograms, then the exporter's text, which may end with an end mark.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        HttpResponse response = context.Response;
        bool isCompressed = context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase);
        context.Request.Headers.AcceptEncoding = default; // else the exporter would compress only its part
        Stream answer = response.Body;
        using var whole = new MemoryStream();
        whole.Write(Encoding.UTF8.GetBytes(Histograms()));
        response.Body = whole;
        try
        {
            await _scraped.Value.Answer(context);
        }
        finally
        {
            response.Body = answer;
        }

        whole.Position = 0;
        if (!isCompressed)
        {
            await whole.CopyToAsync(answer, context.RequestAborted);
            return;
        }

        response.Headers.ContentEncoding = "gzip";
        await using var compressed = new GZipStream(answer, CompressionLevel.Fastest, leaveOpen: true);
        await whole.CopyToAsync(compressed, context.RequestAborted);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_scraped.IsValueCreated)
        {
            _scraped.Value.Provider.Dispose();
        }

        _pushed?.Dispose();
        if (_instruments.IsValueCreated)
        {
            _instruments.Value.Dispose();
        }
    }

    private (MeterProvider Provider, RequestDelegate Answer) NewExporter()
    {
        _ = _instruments.Value; // a provider listens to instruments that exist
        MeterProvider provider = NewProvider(ServerInstruments.MeterName, RuntimeMeter)
            .AddPrometheusExporter(prometheus =>
            {
                // The scraper adds its own labels; one more per line would only cost.
                prometheus.ScopeInfoEnabled = false;
                prometheus.TargetInfoEnabled = false;
            })
            .Build();
        RequestDelegate answer = new ApplicationBuilder(NoServices.Instance)
            .UseOpenTelemetryPrometheusScrapingEndpoint(
                provider, predicate: _ => true, path: null, configureBranchedPipeline: null, optionsName: null)
            .Build();
        return (provider, answer);
    }

    private MeterProviderBuilder NewProvider(params string[] meters)
    {
        var few = new MetricStreamConfiguration { CardinalityLimit = Math.Max(FewSeries, _counters.Loops.Count + 1) };
        return Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource
                .AddService(ServerInstruments.MeterName)
                .AddEnvironmentVariableDetector()) // a name in the environment wins
            .AddMeter(meters)
            .AddView(instrument => NotExported.Contains(instrument.Name) || IsOfAnotherServer(instrument) ? MetricStreamConfiguration.Drop
                : instrument.Meter.Name == ServerInstruments.PushedMeterName ? null
                : few);
    }

    private bool IsOfAnotherServer(Instrument instrument) => instrument.Meter.Scope is ServerCounters counters && counters != _counters;

    private string Histograms()
    {
        var text = new StringBuilder();
        Write(text, ServerInstruments.PacketsName, ServerInstruments.PacketsText, LoopHistogram.PacketBounds, recorder => recorder.Packets);
        if (_hasPacketTime)
        {
            Write(
                text,
                $"{ServerInstruments.AgeName}.seconds",
                ServerInstruments.AgeText,
                LoopHistogram.AgeBounds,
                recorder => recorder.Ages);
        }

        return text.ToString();
    }

    private void Write(StringBuilder text, string instrument, string help, int[] bounds, Func<BatchRecorder, LoopHistogram> of)
    {
        (long[] counts, long sum) = _counters.Histogram(of) ?? (new long[bounds.Length + 1], 0);
        string name = instrument.Replace('.', '_');
        long below = 0;
        text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} histogram\n# HELP {name} {help}\n");
        for (int i = 0; i < counts.Length; i++)
        {
            below += counts[i];
            string bound = i < bounds.Length ? bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
            text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{le=\"{bound}\"}} {below}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"{name}_sum {sum}\n{name}_count {below}\n");
    }

    /// <summary>Starts the collector's exporter; a separate method, so that it is loaded only when used.</summary>
    private MeterProvider StartPushing()
    {
        _instruments.Value.PushBatches();
        return NewProvider(ServerInstruments.MeterName, ServerInstruments.PushedMeterName, RuntimeMeter).AddOtlpExporter().Build();
    }
}
