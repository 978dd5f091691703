using System.Net;
using System.Runtime;
using DotNettyFraming.CommandLine;
using DotNettyFraming.Server.Admin;
using DotNettyFraming.Server.Diagnostics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Hosting;

/// <summary>One run of the server: starts its parts, waits for a reason to stop, drains and reports.</summary>
internal sealed class ServerRun(
    ServerOptions options, FramingServer server, ServerCounters counters, TimeProvider time, ILoggerFactory loggers)
{
    private readonly ServerLife _life = new(time);
    private readonly ILogger _logger = loggers.CreateLogger<ServerRun>();
    private readonly ILogger _lifecycle = loggers.CreateLogger(ServerLog.LifecycleCategory);

    /// <summary>Runs until a stop is requested, or until the listening socket is lost.</summary>
    /// <param name="stop">A request that arrives during the start takes effect after it.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="StartupException">A port is in use, or the like.</exception>
    public async Task<int> RunAsync(CancellationToken stop)
    {
        LogCapacity();
        Timer? watchdog = null;
        try
        {
            int exitCode;

            // Before the data port, which is ready last, and after its drain, which it reports.
            await using (options.Admin is { } address ? await StartAdminAsync(address).ConfigureAwait(false) : null)
            {
                IPEndPoint endpoint = await server.StartAsync().ConfigureAwait(false);
                _life.BeginServing();
                using var memoryReturn = new MemoryReturn(Traffic, time);
                using ProgressReport? progress = options.ReportEvery > 0
                    ? new ProgressReport(() => counters.PacketsProcessed, options.ReportEvery, time, loggers.CreateLogger(ServerLog.ProgressCategory))
                    : null;
                _lifecycle.Listening(endpoint);
                ServiceManager.Notify(ServiceManager.Ready, _logger);

                exitCode = await EndAsync(endpoint, stop).ConfigureAwait(false);

                // Whatever delays the stop, a stalled reader of the log for example, the process ends in time.
                watchdog = new Timer(_ => ImmediateExit.Now(exitCode), null, options.DrainTimeout + FramingServer.StopMargin, Timeout.InfiniteTimeSpan);
                _life.BeginDraining();
                ServiceManager.Notify(ServiceManager.Stopping, _logger);
                await server.StopAsync().ConfigureAwait(false);
            }

            _lifecycle.Stopped(string.Join(' ', counters.Named().Select(counter => $"{counter.Key}={counter.Value}")));
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
        _logger.Configured(server.TransportName, options.EventLoops, options.Backlog, options.MaxPayloadBytes);
        _logger.Capacity(
            machine.OpenFiles is long files ? $"{files}" : "unknown",
            options.MaxConnections,
            SizeText.Format(options.MaxBufferedBytes),
            StartupCheck.InMiB(StartupCheck.WorstCaseBytes(options)));
        foreach (string warning in StartupCheck.Warnings(options, machine))
        {
            _logger.OptionWarning(warning);
        }

        if (server.ListeningDescriptor is { } descriptor)
        {
            _logger.Activated(descriptor);
        }
    }

    /// <summary>In a method of its own, so that with <c>--admin off</c> nothing of ASP.NET Core is loaded.</summary>
    private async Task<IAsyncDisposable> StartAdminAsync(IPEndPoint address)
    {
        var admin = new AdminServer(
            new AdminRules(address, options.AdminHosts, options.AdminProfiles), server, counters, _life, time, loggers);
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

    /// <summary>Waits for the end; a lost listener is an error, so that a supervisor restarts the process.</summary>
    private async Task<int> EndAsync(IPEndPoint endpoint, CancellationToken stop)
    {
        var requested = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration _ = stop.Register(requested.SetResult);
        if (await Task.WhenAny(requested.Task, server.ListenerLost).ConfigureAwait(false) == requested.Task)
        {
            return ExitCode.Success;
        }

        _logger.ListenerLost(endpoint, await server.ListenerLost.ConfigureAwait(false));
        return ExitCode.CannotRun;
    }

    private (long Received, long LetGo, long Compiled) Traffic()
    {
        long accepted = counters.Accepted;
        return (
            counters.BytesReceived + (accepted * MemoryReturn.ConnectionBytes),
            counters.BytesLetGo + ((accepted - counters.Open) * MemoryReturn.ConnectionBytes),
            JitInfo.GetCompiledMethodCount());
    }
}
