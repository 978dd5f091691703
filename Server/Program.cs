using DotNettyFraming.CommandLine;
using DotNettyFraming.CommandLine.Logging;
using DotNettyFraming.Server.Admin;
using DotNettyFraming.Server.Hosting;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server;

/// <summary>From the command line to a running host; and from whatever went wrong to one line and an exit code.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        using var signals = new StopSignals();
        ForgivingConsole.Install();
        NativeHeap.ReturnLargeAtOnce();
        var commandLine = new ServerCommandLine();
        ParseOutcome outcome = commandLine.Set.Parse(args);
        ServerOptions options = commandLine.Read(outcome);
        if (outcome.Conclude(Console.Out, Console.Error) is int exitCode)
        {
            return exitCode;
        }

        try
        {
            BufferPool.Configure(options.EventLoops);
            using ProgramLogging logging = ProgramLogging.Start(commandLine.Set.ProgramName, commandLine.LogDirectoryOf(outcome));
            ILogger logger = logging.Factory.CreateLogger(typeof(Program));
            foreach (string warning in outcome.Warnings)
            {
                logger.OptionWarning(warning);
            }

            using ServerTls? tls = ServerTls.Of(options, TimeProvider.System, logger);
            if (commandLine.IsCheck(outcome))
            {
                MemoryProfile.Check(options.MemoryProfile, logger);
                Show(commandLine.Settings, outcome);
                return ExitCode.Success;
            }

            int? listeningDescriptor = SocketActivation.Descriptor(Environment.GetEnvironmentVariable, Environment.ProcessId);
            await using MemoryProfile? profile = await MemoryProfile.StartAsync(options.MemoryProfile, logger).ConfigureAwait(false);
            using IHost host = BuildHost(options, tls, listeningDescriptor, signals, logging);
            await host.RunAsync().ConfigureAwait(false);
            await (profile?.WriteAsync() ?? Task.CompletedTask).ConfigureAwait(false);
            return ExitCode.Success;
        }
        catch (StartupException e)
        {
            await Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return ExitCode.CannotRun;
        }
    }

    private static IHost BuildHost(
        ServerOptions options, ServerTls? tls, int? listeningDescriptor, StopSignals signals, ProgramLogging logging)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services
            .AddSingleton(logging.Factory)
            .AddSingleton(TimeProvider.System)
            .AddSingleton(options)
            .AddSingleton(signals)
            .AddSingleton<IHostLifetime, SignalLifetime>()
            .AddSingleton<ServerCounters>()
            .AddSingleton<ServerLife>()
            .AddSingleton(services => NewProcessor(options, services.GetRequiredService<TimeProvider>()))
            .AddSingleton(services => new FramingServer(
                options,
                services.GetRequiredService<IPacketProcessor>(),
                services.GetRequiredService<ServerCounters>(),
                services.GetRequiredService<TimeProvider>(),
                logging.Factory.CreateLogger<FramingServer>(),
                tls?.Rules)
            { ListeningDescriptor = listeningDescriptor })
            .AddSingleton<ISystemdNotifier, SystemdNotifier>()
            .AddSingleton<ServiceManager>();
        if (options.Admin is { } admin)
        {
            AddAdmin(builder.Services, new AdminRules(admin, options.AdminHosts, options.AdminProfiles));
        }

        builder.Services.AddHostedService<FramingServerService>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.DrainTimeout + FramingServer.StopMargin);
        return builder.Build();
    }

    /// <summary>In a method of its own, so that with <c>--admin off</c> nothing of it is loaded. Before the data port: that is ready last.</summary>
    private static void AddAdmin(IServiceCollection services, AdminRules rules) => services.AddHostedService(provider => new AdminServer(
        rules,
        provider.GetRequiredService<FramingServer>(),
        provider.GetRequiredService<ServerCounters>(),
        provider.GetRequiredService<ServerLife>(),
        provider.GetRequiredService<TimeProvider>(),
        provider.GetRequiredService<ILoggerFactory>()));

    /// <summary>The place to put your own processor.</summary>
    private static IPacketProcessor NewProcessor(ServerOptions options, TimeProvider time) =>
        options.Work > TimeSpan.Zero ? new SimulatedWorkProcessor(options.Work, time) : new CountingProcessor(options.EventLoops);

    /// <summary>What <c>--check</c> prints: each option with the value that would hold, and where it came from.</summary>
    private static void Show(IEnumerable<OptionDeclaration> settings, ParseOutcome outcome)
    {
        foreach (OptionDeclaration option in settings)
        {
            Console.WriteLine($"{option.Name} {outcome.TextOf(option)}{Origin(outcome.SourceOf(option), option)}");
        }
    }

    private static string Origin(OptionSource source, OptionDeclaration option) => source switch
    {
        OptionSource.Environment => $" ({option.EnvironmentVariable})",
        OptionSource.Default => " (default)",
        _ => string.Empty,
    };
}
