using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Hosting;
using DotNettyFraming.Server.Admin.Page;
using DotNettyFraming.Server.Metrics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DotNettyFraming.Server.Admin;

/// <summary>The admin port: HTTP on Kestrel, within <see cref="AdminLimits"/>.</summary>
/// <remarks>
/// Kestrel without a web host starts faster and reads no settings from the environment (<c>ASPNETCORE_</c>, <c>DOTNET_</c>). It starts
/// before the data port, and stops after the drain, which <c>/health/ready</c> reports. With <c>--admin off</c> it is not loaded.
/// </remarks>
internal sealed class AdminServer : IHostedService, IAsyncDisposable
{
    private readonly AdminRules _rules;
    private readonly ServerSampler _sampler;
    private readonly MetricsExport _metrics;
    private readonly KestrelServer _kestrel;
    private readonly Application _application;
    private readonly ILogger _lifecycle;

    /// <summary>Creates the port, and starts recording the batches of a server that has not started yet.</summary>
    public AdminServer(
        AdminRules rules, IServerProbe probe, ServerCounters counters, ServerLife life, TimeProvider time, ILoggerFactory loggers)
    {
        _rules = rules;
        _lifecycle = loggers.CreateLogger(ServerLog.LifecycleCategory);
        _sampler = new ServerSampler(counters, probe, time);
        foreach (LoopCounters loop in counters.Loops)
        {
            loop.Recorder = new BatchRecorder(time);
        }

        _metrics = new MetricsExport(counters, life, probe, _sampler);

        var paths = new AdminPaths();
        paths.AddState(counters, life);
        paths.AddLive(new LiveJson(life, probe, _sampler, time));
        paths.AddPage();
        paths.AddProfiles(time);
        paths.Add("/metrics", _metrics.AnswerAsync);
        _application = new Application(new AdminGate(rules, time), paths);
        _kestrel = new KestrelServer(Options.Create(Configure()), new AdminConnections(time, loggers), loggers);
    }

    /// <summary>Its URL, with the port in use.</summary>
    public Uri Url => new(_kestrel.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single());

    /// <inheritdoc/>
    /// <exception cref="StartupException">It cannot listen.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _kestrel.StartAsync(_application, cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            string why = (e.GetBaseException() as SocketException ?? e).Message;
            throw new StartupException($"--admin {_rules.Endpoint}: cannot listen: {why}", e);
        }

        _lifecycle.AdminReady(Url);
        if (!IPAddress.IsLoopback(_rules.Endpoint.Address))
        {
            _lifecycle.OptionWarning(
                $"--admin {_rules.Endpoint}: every machine that reaches this port can read everything on it, addresses of peers included");
        }
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(AdminLimits.StopTimeout);
        await _kestrel.StopAsync(patience.Token);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        _kestrel.Dispose();
        _metrics.Dispose();
        _sampler.Dispose();
    }

    private KestrelServerOptions Configure()
    {
        var kestrel = new KestrelServerOptions
        {
            ApplicationServices = NoServices.Instance,
            AddServerHeader = false,
            AllowSynchronousIO = false,
        };
        KestrelServerLimits limits = kestrel.Limits;
        limits.MaxConcurrentConnections = null; // AdminConnections counts
        limits.MaxRequestBodySize = AdminLimits.RequestBodyBytes;
        limits.MaxRequestLineSize = AdminLimits.RequestLineBytes;
        limits.MaxRequestHeadersTotalSize = AdminLimits.RequestHeaderBytes;
        limits.MaxRequestHeaderCount = AdminLimits.RequestHeaders;
        limits.MaxRequestBufferSize = AdminLimits.RequestLineBytes + AdminLimits.RequestHeaderBytes;
        limits.RequestHeadersTimeout = AdminLimits.HeadersTimeout;
        limits.KeepAliveTimeout = AdminLimits.KeepAliveTimeout;
        limits.MinResponseDataRate = new MinDataRate(AdminLimits.ResponseBytesPerSecond, AdminLimits.ResponseGrace);
        kestrel.Listen(_rules.Endpoint, listen => listen.Protocols = HttpProtocols.Http1);
        return kestrel;
    }

    /// <summary>Handles each request that Kestrel has parsed.</summary>
    private sealed class Application(AdminGate gate, AdminPaths paths) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) => gate.AnswerAsync(context, paths);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
        }
    }
}

/// <summary>A provider of no services: Kestrel and its middleware ask for one, and use their defaults.</summary>
internal sealed class NoServices : IServiceProvider
{
    public static readonly NoServices Instance = new();

    public object? GetService(Type serviceType) => null;
}
