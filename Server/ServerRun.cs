using System.Runtime;
using DotNetty.Common.Internal.Logging;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Logging;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Startup;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server;

/// <summary>One run of a server program: the settings of the process, the server, a reason to stop, the exit code.</summary>
internal static class ServerRun
{
    private const int AdminFiles = 60; // descriptors of the admin port at rest, rounded up

    // For closing by force and ending the event loops, beyond the drain time-out.
    private static readonly TimeSpan StopMargin = TimeSpan.FromSeconds(5);

    /// <summary>Runs a program; a failed start is one line on standard error.</summary>
    public static async Task<int> RunAsync(FramingServerBuilder builder, CancellationToken cancellationToken)
    {
        using StopSignals? signals = builder.HandlesSignals ? new StopSignals() : null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, signals?.Requested ?? CancellationToken.None);
        ForgivingConsole.Install();
        NativeHeap.ReturnLargeAtOnce();
        if (builder.Arguments is [var name, .. var rest] && StoreCommands.Find(name) is { } command)
        {
            return await command(rest, stop.Token).ConfigureAwait(false);
        }

        ParsedOptions<ServerOptions> parsed = builder.Parse();
        if (parsed.Conclude(Console.Out, Console.Error) is int exitCode)
        {
            return exitCode;
        }

        try
        {
            return await RunAsync(builder, parsed, stop.Token).ConfigureAwait(false);
        }
        catch (StartupException e)
        {
            await Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return ExitCode.CannotRun;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Success; // stopped while the processor started
        }
    }

    private static async Task<int> RunAsync(FramingServerBuilder builder, ParsedOptions<ServerOptions> parsed, CancellationToken stop)
    {
        ServerOptions options = parsed.Options;
        OpenFileLimit.Require(OpenFileLimit.RuntimeFiles + (options.Admin is null ? 0 : AdminFiles));
        BufferPool.Configure(options.EventLoops);
        using ProgramLogging? logging = builder.Loggers is null
            ? ProgramLogging.Start("DotNettyFraming.Server", options.LogDirectory)
            : null;
        ILoggerFactory loggers = builder.Loggers ?? logging!.Factory;
        InternalLoggerFactory.DefaultFactory = loggers;
        ILogger logger = loggers.CreateLogger(typeof(ServerRun));
        foreach (string warning in parsed.Warnings)
        {
            logger.OptionWarning(warning);
        }

        if (options.Check)
        {
            Check(parsed, logger);
            return ExitCode.Success;
        }

        await using MemoryProfile? profile = await MemoryProfile.StartAsync(options.MemoryProfile, logger).ConfigureAwait(false);
        int? descriptor = SocketActivation.Descriptor(Environment.GetEnvironmentVariable, Environment.ProcessId);
        await using FramingServer server = builder.Build(options, loggers, descriptor);
        int exitCode = await ServeAsync(server, builder.HandlesSignals, logger, stop).ConfigureAwait(false);
        await (profile?.WriteAsync() ?? Task.CompletedTask).ConfigureAwait(false);
        return exitCode;
    }

    private static void Check(ParsedOptions<ServerOptions> parsed, ILogger logger)
    {
        ServerTls.Of(parsed.Options, TimeProvider.System, logger)?.Dispose();
        if (parsed.Options.Forward is not null)
        {
            ForwardFiles.Read(parsed.Options);
        }

        MemoryProfile.Check(parsed.Options.MemoryProfile, logger);
        foreach (string setting in parsed.Settings.Where(setting => !setting.StartsWith("--check ", StringComparison.Ordinal)))
        {
            Console.WriteLine(setting);
        }
    }

    private static async Task<int> ServeAsync(FramingServer server, bool endsProcess, ILogger logger, CancellationToken stop)
    {
        await server.StartAsync(stop).ConfigureAwait(false);
        using var memoryReturn = new MemoryReturn(() => Traffic(server.Counters), TimeProvider.System);
        ServiceManager.Notify(ServiceManager.Ready, logger);

        int exitCode = await ReasonToStopAsync(server, logger, stop).ConfigureAwait(false);

        // The process ends in time whatever delays the stop, for example a stalled reader of the log.
        TimeSpan longest = server.Options.DrainTimeout + StopMargin;
        await using Timer? watchdog = endsProcess
            ? new Timer(_ => ImmediateExit.Now(exitCode), null, longest, Timeout.InfiniteTimeSpan)
            : null;
        ServiceManager.Notify(ServiceManager.Stopping, logger);
        try
        {
            await server.StopAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            logger.ProcessorNotStopped(e);
            return ExitCode.CannotRun;
        }

        return server.StoreFailed.IsCompleted ? ExitCode.CannotRun : exitCode;
    }

    /// <summary>Waits for a reason to stop; a lost listener is an error, so that a supervisor restarts the process.</summary>
    private static async Task<int> ReasonToStopAsync(FramingServer server, ILogger logger, CancellationToken stop)
    {
        var requested = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration _ = stop.Register(requested.SetResult);
        Task first = await Task.WhenAny(server.StoreFailed, requested.Task, server.ListenerLost).ConfigureAwait(false);
        if (first == requested.Task)
        {
            return ExitCode.Success;
        }

        if (first == server.StoreFailed)
        {
            return ExitCode.CannotRun; // the store has logged why
        }

        logger.ListenerLost(AddressText.Format(server.Endpoint!), await server.ListenerLost.ConfigureAwait(false));
        return ExitCode.CannotRun;
    }

    private static (long Received, long Released, long Compiled) Traffic(ServerCounters counters)
    {
        long accepted = counters.Accepted;
        return (
            counters.BytesReceived + (accepted * MemoryReturn.ConnectionBytes),
            counters.BytesReleased + ((accepted - counters.Open) * MemoryReturn.ConnectionBytes),
            JitInfo.GetCompiledMethodCount());
    }
}
