using DotNettyFraming.CommandLine;
using DotNettyFraming.CommandLine.Logging;
using DotNettyFraming.Server.Diagnostics;
using DotNettyFraming.Server.Hosting;
using DotNettyFraming.Server.Processing;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server;

/// <summary>From the command line to a running server; and from whatever went wrong to one line and an exit code.</summary>
internal static class Program
{
    /// <summary>Files that the admin port has open at rest, rounded up.</summary>
    private const int AdminFiles = 60;

    private static async Task<int> Main(string[] args)
    {
        using var signals = new StopSignals();
        ForgivingConsole.Install();
        NativeHeap.ReturnLargeAtOnce();
        var commandLine = new ServerCommandLine();
        ParseOutcome outcome = commandLine.Set.Parse(args);
        ServerOptions options = commandLine.Read(outcome);
        if (outcome.Conclude(Console.Out, Console.Error) is int concluded)
        {
            return concluded;
        }

        try
        {
            OpenFileLimit.Require(OpenFileLimit.RuntimeFiles + (options.Admin is null ? 0 : AdminFiles));
            BufferPool.Configure(options.EventLoops);
            using ProgramLogging logging = ProgramLogging.Start(commandLine.Set.ProgramName, commandLine.LogDirectoryOf(outcome));
            ILogger logger = logging.Factory.CreateLogger(typeof(Program));
            foreach (string warning in outcome.Warnings)
            {
                logger.OptionWarning(warning);
            }

            if ((options.TlsKeyFile ?? options.TlsCertificateFile) is { } key && PrivateFile.IsReadableByOthers(key))
            {
                logger.OptionWarning($"--tls-key: other users can read '{key}'");
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
            var counters = new ServerCounters();
            using FramingServer server = NewServer(options, counters, tls, listeningDescriptor, logging.Factory);
            int exitCode = await new ServerRun(options, server, counters, TimeProvider.System, logging.Factory)
                .RunAsync(signals.Requested).ConfigureAwait(false);
            await (profile?.WriteAsync() ?? Task.CompletedTask).ConfigureAwait(false);
            return exitCode;
        }
        catch (StartupException e)
        {
            await Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return ExitCode.CannotRun;
        }
    }

    private static FramingServer NewServer(
        ServerOptions options, ServerCounters counters, ServerTls? tls, int? listeningDescriptor, ILoggerFactory loggers)
    {
        // The place to put your own processor.
        IPacketProcessor processor = options.Work > TimeSpan.Zero
            ? new SimulatedWorkProcessor(options.Work, TimeProvider.System)
            : new CountingProcessor(options.EventLoops);
        return new FramingServer(options, processor, counters, TimeProvider.System, loggers.CreateLogger<FramingServer>(), tls?.Rules)
        {
            ListeningDescriptor = listeningDescriptor,
        };
    }

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
