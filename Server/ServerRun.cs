using System.Net;
using System.Runtime;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Admin;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Server.Startup;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server;

/// <summary>One run of the server process: starts its parts, waits for a reason to stop, drains and reports.</summary>
internal sealed class ServerRun
{
    private const int AdminFiles = 60; // descriptors of the admin port at rest, rounded up

    private readonly ServerOptions _options;
    private readonly FramingServer _server;
    private readonly ServerCounters _counters;
    private readonly ServerLife _life = new(TimeProvider.System);
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly ILogger _lifecycle;

    private ServerRun(ServerOptions options, FramingServer server, ServerCounters counters, ILoggerFactory loggers)
    {
        _options = options;
        _server = server;
        _counters = counters;
        _loggers = loggers;
        _logger = loggers.CreateLogger<ServerRun>();
        _lifecycle = loggers.CreateLogger(ServerLog.LifecycleCategory);
    }

    /// <summary>Runs the server, or validates what it would run.</summary>
    /// <param name="parsed">The options, without faults.</param>
    /// <param name="stop">A request during the start takes effect after it.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="StartupException">A file cannot be read, a port is in use, or similar.</exception>
    public static async Task<int> RunAsync(ParsedOptions<ServerOptions> parsed, CancellationToken stop)
    {
        ServerOptions options = parsed.Options;
        OpenFileLimit.Require(OpenFileLimit.RuntimeFiles + (options.Admin is null ? 0 : AdminFiles));
        BufferPool.Configure(options.EventLoops);
        using ProgramLogging logging = ProgramLogging.Start("DotNettyFraming.Server", options.LogDirectory);
        ILogger logger = logging.Factory.CreateLogger<ServerRun>();
        foreach (string warning in parsed.Warnings)
        {
            logger.OptionWarning(warning);
        }

        if ((options.TlsKeyFile ?? options.TlsCertificateFile) is { } key && PrivateFile.IsReadableByOthers(key))
        {
            logger.OptionWarning($"--tls-key: other users can read '{key}'");
        }

        using ServerTls? tls = ServerTls.Of(options, TimeProvider.System, logger);
        if (options.Check)
        {
            MemoryProfile.Check(options.MemoryProfile, logger);
            foreach (string setting in parsed.Settings.Where(setting => !setting.StartsWith("--check ", StringComparison.Ordinal)))
            {
                Console.WriteLine(setting);
            }

            return ExitCode.Success;
        }

        await using MemoryProfile? profile = await MemoryProfile.StartAsync(options.MemoryProfile, logger).ConfigureAwait(false);
        var counters = new ServerCounters();

        // The place to put your own processor.
        IPacketProcessor processor = options.Work > TimeSpan.Zero
            ? new SimulatedWorkProcessor(options.Work, TimeProvider.System)
            : new CountingProcessor(options.EventLoops);
        using var server = new FramingServer(
            options, processor, counters, TimeProvider.System, logging.Factory.CreateLogger<FramingServer>(), tls?.Rules)
        {
            ListeningDescriptor = SocketActivation.Descriptor(Environment.GetEnvironmentVariable, Environment.ProcessId),
        };
        int exitCode = await new ServerRun(options, server, counters, logging.Factory).RunAsync(stop).ConfigureAwait(false);
        await (profile?.WriteAsync() ?? Task.CompletedTask).ConfigureAwait(false);
        return exitCode;
    }

    /// <summary>Runs until a stop is requested, or until the listening socket is lost.</summary>
    private async Task<int> RunAsync(CancellationToken stop)
    {
        LogCapacity();
        Timer? watchdog = null;
        try
        {
            int exitCode;

            // Opens before the data port, which is ready last, and closes after its drain, which it reports.
            await using (_options.Admin is { } address ? await StartAdminAsync(address).ConfigureAwait(false) : null)
            {
                IPEndPoint endpoint = await _server.StartAsync().ConfigureAwait(false);
                _life.BeginServing();
                using var memoryReturn = new MemoryReturn(Traffic, TimeProvider.System);
                using ProgressReport? progress = _options.ReportEvery > 0
                    ? new ProgressReport(
                        () => _counters.PacketsProcessed,
                        _options.ReportEvery,
                        TimeProvider.System,
                        _loggers.CreateLogger(ServerLog.ProgressCategory))
                    : null;
                _lifecycle.Listening(endpoint);
                ServiceManager.Notify(ServiceManager.Ready, _logger);

                exitCode = await EndAsync(endpoint, stop).ConfigureAwait(false);

                // The process ends in time whatever delays the stop, for example a stalled reader of the log.
                TimeSpan longest = _options.DrainTimeout + FramingServer.StopMargin;
                watchdog = new Timer(_ => ImmediateExit.Now(exitCode), null, longest, Timeout.InfiniteTimeSpan);
                _life.BeginDraining();
                ServiceManager.Notify(ServiceManager.Stopping, _logger);
                await _server.StopAsync().ConfigureAwait(false);
            }

            _lifecycle.Stopped(string.Join(' ', _counters.Named().Select(counter => $"{counter.Key}={counter.Value}")));
            return exitCode;
        }
        finally
        {
            watchdog?.Dispose();
        }
    }

    private void LogCapacity()
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
    }

    // A separate method, so that --admin off loads nothing of ASP.NET Core.
    private async Task<IAsyncDisposable> StartAdminAsync(IPEndPoint address)
    {
        var admin = new AdminServer(
            new AdminRules(address, _options.AdminHosts, _options.AdminProfiles), _server, _counters, _life, TimeProvider.System, _loggers);
        try
        {
            await admin.StartAsync(CancellationToken.None).ConfigureAwait(false);
            return admin;
        }
        catch
        {
            await admin.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Waits for a reason to stop; a lost listener is an error, so that a supervisor restarts the process.</summary>
    private async Task<int> EndAsync(IPEndPoint endpoint, CancellationToken stop)
    {
        var requested = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration _ = stop.Register(requested.SetResult);
        if (await Task.WhenAny(requested.Task, _server.ListenerLost).ConfigureAwait(false) == requested.Task)
        {
            return ExitCode.Success;
        }

        _logger.ListenerLost(endpoint, await _server.ListenerLost.ConfigureAwait(false));
        return ExitCode.CannotRun;
    }

    private (long Received, long Released, long Compiled) Traffic()
    {
        long accepted = _counters.Accepted;
        return (
            _counters.BytesReceived + (accepted * MemoryReturn.ConnectionBytes),
            _counters.BytesReleased + ((accepted - _counters.Open) * MemoryReturn.ConnectionBytes),
            JitInfo.GetCompiledMethodCount());
    }
}
