using DotNettyFraming.Server.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
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

    private readonly MeterProvider _provider;

    /// <summary>Begins to listen to the instruments, which must have been made.</summary>
    public MetricsExport()
    {
        MeterProviderBuilder builder = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource.AddService(ServerInstruments.MeterName))
            .AddMeter(ServerInstruments.MeterName, RuntimeMeter)
            .AddPrometheusExporter(prometheus =>
            {
                // Who measures, and of what, is known to whoever scrapes; a label more on each line would only cost.
                prometheus.ScopeInfoEnabled = false;
                prometheus.TargetInfoEnabled = false;
            });
        foreach (string instrument in NotExported)
        {
            builder.AddView(instrument, MetricStreamConfiguration.Drop);
        }

        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(CollectorVariable)))
        {
            builder = AddCollector(builder);
        }

        _provider = builder.Build();
    }

    /// <summary>Adds <c>/metrics</c>.</summary>
    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapPrometheusScrapingEndpoint("/metrics", _provider, configureBranchedPipeline: null, optionsName: null);

    /// <inheritdoc/>
    public void Dispose() => _provider.Dispose();

    /// <summary>In a method of its own, so that the exporter is loaded only where it is used.</summary>
    private static MeterProviderBuilder AddCollector(MeterProviderBuilder builder) => builder.AddOtlpExporter();
}
