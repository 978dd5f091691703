using System.Net;
using System.Runtime;
using DotNettyFraming.CommandLine;
using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Hosting;

/// <summary>Ties the server to the host's life: listens when it starts, drains before anything else stops.</summary>
internal sealed class FramingServerService : IHostedLifecycleService, IDisposable
{
    private readonly FramingServer _server;
    private readonly ServerCounters _counters;
    private readonly ServerLife _life;
    private readonly ServerOptions _options;
    private readonly TimeProvider _time;
    private readonly ServiceManager _serviceManager;
    private readonly ILogger _logger;
    private readonly ILogger _lifecycle;
    private readonly ILogger _progressLogger;
    private IPEndPoint? _endpoint;
    private ProgressReport? _progress;
    private MemoryReturn? _memoryReturn;

    public FramingServerService(
        FramingServer server,
        ServerCounters counters,
        ServerLife life,
        ServerOptions options,
        TimeProvider time,
        ServiceManager serviceManager,
        ILoggerFactory loggers)
    {
        _server = server;
        _counters = counters;
        _life = life;
        _options = options;
        _time = time;
        _serviceManager = serviceManager;
        _logger = loggers.CreateLogger<FramingServerService>();
        _lifecycle = loggers.CreateLogger(ServerLog.LifecycleCategory);
        _progressLogger = loggers.CreateLogger(ServerLog.ProgressCategory);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        MachineLimits machine = MachineLimits.Read();
        _logger.Configured(_server.TransportName, _options.EventLoops, _options.Backlog, _options.MaxPayloadBytes);
        _logger.Capacity(
            machine.OpenFiles is long files ? $"{files}" : "unknown",
            _options.MaxConnections,
            SizeText.Format(_options.MaxBufferedBytes),
            StartupCheck.InMiB(StartupCheck.WorstCaseBytes(_options)));
        foreach (string warning in StartupCheck.Warnings(_options, machine))
        {
            _logger.OptionWarning(warning);
        }

        if (_server.ListeningDescriptor is { } descriptor)
        {
            _logger.Activated(descriptor);
        }

        _endpoint = await _server.StartAsync().ConfigureAwait(false);
        _life.BeginServing();
        _memoryReturn = new MemoryReturn(Traffic, _time);
        if (_options.ReportEvery > 0)
        {
            _progress = new ProgressReport(() => _counters.PacketsProcessed, _options.ReportEvery, _time, _progressLogger);
        }
    }

    /// <summary>Everything has started: only now does the line appear that scripts wait for.</summary>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        _lifecycle.Listening(_endpoint!);
        _serviceManager.Ready();
        return Task.CompletedTask;
    }

    /// <summary>The first step of stopping: whatever else the host runs is still there while connections are drained.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _life.BeginDraining();
        _serviceManager.Stopping();
        await _server.StopAsync().ConfigureAwait(false);
        Dispose();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        _lifecycle.Stopped(string.Join(' ', _counters.Named().Select(counter => $"{counter.Key}={counter.Value}")));
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _progress?.Dispose();
        _progress = null;
        _memoryReturn?.Dispose();
        _memoryReturn = null;
    }

    private (long Received, long LetGo, long Compiled) Traffic()
    {
        long accepted = _counters.Accepted;
        return (
            _counters.BytesReceived + (accepted * MemoryReturn.ConnectionBytes),
            _counters.BytesLetGo + ((accepted - _counters.Open) * MemoryReturn.ConnectionBytes),
            JitInfo.GetCompiledMethodCount());
    }
}
