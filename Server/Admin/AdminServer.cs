using System.Net;
using System.Net.Sockets;
using DotNettyFraming.CommandLine;
using DotNettyFraming.Server.Admin.Page;
using DotNettyFraming.Server.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Admin;

/// <summary>The admin port: HTTP on Kestrel, with limits of its own (<see cref="AdminLimits"/>).</summary>
/// <remarks>
/// An application of its own inside the program's host, and not the host itself: with <c>--admin off</c> nothing of ASP.NET Core is
/// loaded. It starts before the data port and stops after the drain, which is one of the things that it tells about.
/// </remarks>
internal sealed class AdminServer : IHostedService, IAsyncDisposable
{
    private readonly IPEndPoint _endpoint;
    private readonly ServerSampler _sampler;
    private readonly ServerInstruments _instruments;
    private readonly MetricsExport _metrics;
    private readonly IHost _application;
    private readonly ILogger _lifecycle;

    /// <param name="endpoint">Where to listen; port 0 picks a free one.</param>
    /// <param name="probe">The server, which must not have started yet: from now on its batches are recorded.</param>
    /// <param name="counters">What happened since start.</param>
    /// <param name="life">Where the server is in its life.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Where events go, Kestrel's too.</param>
    public AdminServer(IPEndPoint endpoint, IServerProbe probe, ServerCounters counters, ServerLife life, TimeProvider time, ILoggerFactory loggers)
    {
        _endpoint = endpoint;
        _lifecycle = loggers.CreateLogger(ServerLog.LifecycleCategory);
        _sampler = new ServerSampler(counters, probe, time);
        _instruments = new ServerInstruments(counters, life, probe, _sampler, time);
        _metrics = new MetricsExport(probe.EventLoops.Count);

        _application = new HostBuilder()
            .ConfigureServices(services => services
                .AddSingleton(loggers)
                .AddSingleton<IHostLifetime, NoLifetime>()
                .AddSingleton<IConnectionListenerFactory>(new PacedTransport(time, loggers))
                .AddGate(endpoint)
                .Configure<HostOptions>(host => host.ShutdownTimeout = AdminLimits.StopTimeout))
            .ConfigureWebHost(web => web
                .UseKestrelCore()
                .ConfigureKestrel(Configure)
                .SuppressStatusMessages(true)
                .Configure(app =>
                {
                    var paths = new AdminPaths();
                    paths.AddState(counters, life);
                    paths.AddLive(new LiveJson(life, probe, _sampler, time));
                    paths.AddPage();
                    paths.AddProfiles();
                    paths.Add("/metrics", _metrics.Prometheus(app.New()));
                    app.UseGate(time);
                    app.Run(paths.AnswerAsync);
                }))
            .Build();
    }

    /// <summary>Where it answers, with the port that was picked.</summary>
    public Uri Url => new(_application.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single());

    /// <inheritdoc/>
    /// <exception cref="StartupException">The port is in use, the address not ours, or the like.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _application.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new StartupException($"--admin {_endpoint}: cannot listen: {(e.GetBaseException() as SocketException ?? e).Message}", e);
        }

        _lifecycle.AdminReady(Url);
        if (!IPAddress.IsLoopback(_endpoint.Address))
        {
            _lifecycle.OptionWarning($"--admin {_endpoint}: whoever reaches this port can read all of it, and see the addresses of peers");
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _application.StopAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        await ((IAsyncDisposable)_application).DisposeAsync();
        _metrics.Dispose();
        _instruments.Dispose();
        _sampler.Dispose();
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        KestrelServerLimits limits = kestrel.Limits;
        limits.MaxConcurrentConnections = AdminLimits.Connections;
        limits.MaxRequestBodySize = AdminLimits.RequestBodyBytes;
        limits.MaxRequestLineSize = AdminLimits.RequestLineBytes;
        limits.MaxRequestHeadersTotalSize = AdminLimits.RequestHeaderBytes;
        limits.MaxRequestHeaderCount = AdminLimits.RequestHeaders;
        limits.MaxRequestBufferSize = AdminLimits.RequestLineBytes + AdminLimits.RequestHeaderBytes;
        limits.RequestHeadersTimeout = AdminLimits.HeadersTimeout;
        limits.KeepAliveTimeout = AdminLimits.KeepAliveTimeout;
        limits.MinResponseDataRate = new MinDataRate(AdminLimits.ResponseBytesPerSecond, AdminLimits.ResponseGrace);
        kestrel.Listen(_endpoint, listen => listen.Protocols = HttpProtocols.Http1);
    }

    /// <summary>Signals are the program's business; the default lifetime would listen for them too.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
