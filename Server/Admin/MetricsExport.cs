using DotNettyFraming.Server.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace DotNettyFraming.Server.Admin;

/// <summary>The ways out of the instruments: <c>/metrics</c> for a Prometheus that scrapes, and OTLP to a collector where one is named.</summary>
/// <remarks>With our meter goes the runtime's own: garbage collection, threads, processor time, resident memory (<c>dotnet_…</c>).</remarks>
internal sealed class MetricsExport : IDisposable
{
    /// <summary>Where a collector is, as OpenTelemetry's SDKs have it; the SDK itself reads this and its companions
    /// (<c>OTEL_EXPORTER_OTLP_PROTOCOL</c>, <c>OTEL_METRIC_EXPORT_INTERVAL</c>).</summary>
    public const string CollectorVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private const string RuntimeMeter = "System.Runtime";

    /// <summary>Prometheus keeps names that end in <c>_count</c> for histograms, and its linter says so.</summary>
    private static readonly string[] NotExported = ["dotnet.assembly.count", "dotnet.process.cpu.count", "dotnet.timer.count"];

    /// <summary>Series of one instrument, at most, where there are not more event loops: a close reason or a runtime's exception each. No peer
    /// can make one. The SDK would set room aside for 2,000 of each instrument, 6 MiB in all.</summary>
    private const int FewSeries = 64;

    private readonly MeterProvider _provider;

    /// <summary>Begins to listen to the instruments, which must have been made.</summary>
    /// <param name="eventLoops">How many event loops there are, a series each.</param>
    public MetricsExport(int eventLoops)
    {
        var few = new MetricStreamConfiguration { CardinalityLimit = Math.Max(FewSeries, eventLoops) };
        MeterProviderBuilder builder = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource.AddService(ServerInstruments.MeterName).AddEnvironmentVariableDetector()) // who sets a name means it
            .AddMeter(ServerInstruments.MeterName, RuntimeMeter)
            .AddView(instrument => NotExported.Contains(instrument.Name) ? MetricStreamConfiguration.Drop : few)
            .AddPrometheusExporter(prometheus =>
            {
                // Who measures, and of what, is known to whoever scrapes; a label more on each line would only cost.
                prometheus.ScopeInfoEnabled = false;
                prometheus.TargetInfoEnabled = false;
            });
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(CollectorVariable)))
        {
            builder = AddCollector(builder);
        }

        _provider = builder.Build();
    }

    /// <summary>What answers <c>/metrics</c>.</summary>
    /// <param name="branch">A pipeline for this alone.</param>
    public RequestDelegate Prometheus(IApplicationBuilder branch) => branch
        .UseOpenTelemetryPrometheusScrapingEndpoint(_provider, predicate: _ => true, path: null, configureBranchedPipeline: null, optionsName: null)
        .Build();

    /// <inheritdoc/>
    public void Dispose() => _provider.Dispose();

    /// <summary>In a method of its own, so that the exporter is loaded only where it is used.</summary>
    private static MeterProviderBuilder AddCollector(MeterProviderBuilder builder) => builder.AddOtlpExporter();
}
