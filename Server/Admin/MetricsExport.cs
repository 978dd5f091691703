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

/// <summary>Exports the metrics: <c>/metrics</c> for a Prometheus that scrapes, and OTLP to a collector where one is named.</summary>
/// <remarks>
/// <para>The runtime's own metrics are included: garbage collection, threads, processor time, resident memory (<c>dotnet_…</c>).</para>
/// <para>OpenTelemetry takes each value of a histogram by itself, under a lock that all event loops would share. So those of
/// <c>/metrics</c> are written here from the loops' sums; a collector gets one series per loop.</para>
/// </remarks>
internal sealed class MetricsExport : IDisposable
{
    /// <summary>Where a collector is, as OpenTelemetry's SDKs have it; the SDK itself reads this and its companions
    /// (<c>OTEL_EXPORTER_OTLP_PROTOCOL</c>, <c>OTEL_METRIC_EXPORT_INTERVAL</c>).</summary>
    public const string CollectorVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private const string RuntimeMeter = "System.Runtime";

    /// <summary>Prometheus keeps names that end in <c>_count</c> for histograms, and its linter says so.</summary>
    private static readonly string[] NotExported = ["dotnet.assembly.count", "dotnet.process.cpu.count", "dotnet.timer.count"];

    /// <summary>Maximum of series per instrument, unless there are more event loops.</summary>
    /// <remarks>A close reason or a runtime's exception each; no peer can add one. The SDK allocates 2,000 per instrument, 6 MiB in all.</remarks>
    private const int FewSeries = 64;

    private readonly ServerCounters _counters;
    private readonly MeterProvider _scraped;
    private readonly MeterProvider? _pushed;

    /// <summary>Starts to listen to the instruments, which must have been made.</summary>
    public MetricsExport(ServerCounters counters)
    {
        _counters = counters;
        _scraped = NewProvider(ServerInstruments.MeterName, RuntimeMeter)
            .AddPrometheusExporter(prometheus =>
            {
                // The scraper knows what it measures; one more label per line would only cost.
                prometheus.ScopeInfoEnabled = false;
                prometheus.TargetInfoEnabled = false;
            })
            .Build();
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(CollectorVariable)))
        {
            _pushed = AddCollector(NewProvider(ServerInstruments.MeterName, ServerInstruments.PushedMeterName, RuntimeMeter)).Build();
        }
    }

    /// <summary>Returns what answers <c>/metrics</c>: the histograms, then the exporter's text, which may end with a mark.</summary>
    /// <param name="branch">A pipeline for this alone.</param>
    public RequestDelegate Prometheus(IApplicationBuilder branch)
    {
        RequestDelegate exporter = branch
            .UseOpenTelemetryPrometheusScrapingEndpoint(
                _scraped, predicate: _ => true, path: null, configureBranchedPipeline: null, optionsName: null)
            .Build();
        return async context =>
        {
            HttpResponse response = context.Response;
            bool isCompressed = context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase);
            context.Request.Headers.AcceptEncoding = default; // the exporter would compress its part alone
            Stream answer = response.Body;
            using var whole = new MemoryStream();
            whole.Write(Encoding.UTF8.GetBytes(Histograms()));
            response.Body = whole;
            try
            {
                await exporter(context);
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
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _scraped.Dispose();
        _pushed?.Dispose();
    }

    private MeterProviderBuilder NewProvider(params string[] meters)
    {
        var few = new MetricStreamConfiguration { CardinalityLimit = Math.Max(FewSeries, _counters.Loops.Count + 1) };
        return Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource
                .AddService(ServerInstruments.MeterName)
                .AddEnvironmentVariableDetector()) // a name in the environment wins
            .AddMeter(meters)
            .AddView(instrument => NotExported.Contains(instrument.Name) ? MetricStreamConfiguration.Drop
                : instrument.Meter.Name == ServerInstruments.PushedMeterName ? null
                : few);
    }

    private string Histograms()
    {
        var text = new StringBuilder();
        Write(text, ServerInstruments.PacketsName, ServerInstruments.PacketsText, LoopHistogram.PacketBounds, recorder => recorder.Packets);
        Write(text, $"{ServerInstruments.AgeName}.seconds", ServerInstruments.AgeText, LoopHistogram.AgeBounds, recorder => recorder.Ages);
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

    /// <summary>In a method of its own, so that the exporter is loaded only where it is used.</summary>
    private static MeterProviderBuilder AddCollector(MeterProviderBuilder builder) => builder.AddOtlpExporter();
}
