using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Server.Startup;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DotNettyFraming.Server;

/// <summary>The configuration of a <see cref="FramingServer"/>.</summary>
/// <example><code>return await FramingServer.CreateBuilder(args).UseProcessor(new MyProcessor()).RunAsync();</code></example>
public sealed class FramingServerBuilder
{
    private readonly string[]? _args;
    private ServerOptions _options = new();
    private IPacketProcessor? _processor;

    internal FramingServerBuilder(string[]? args) => _args = args;

    internal string[] Arguments => _args ?? [];

    internal ILoggerFactory? Loggers { get; private set; }

    internal bool HandlesSignals { get; private set; } = true;

    /// <summary>Sets the processor of the packets; the default counts them.</summary>
    public FramingServerBuilder UseProcessor(IPacketProcessor processor)
    {
        ArgumentNullException.ThrowIfNull(processor);
        _processor = processor;
        return this;
    }

    /// <summary>Sets a processor that has processed a batch when it returns. It must not block.</summary>
    /// <param name="process">Called on the event loops; the batch is borrowed until it returns.</param>
    public FramingServerBuilder UseProcessor(Action<PacketBatch, PacketSource> process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return UseProcessor((batch, source) =>
        {
            process(batch, source);
            return ValueTask.CompletedTask;
        });
    }

    /// <summary>Sets a processor that has processed a batch when its task completes. It must not block.</summary>
    /// <param name="process">Called on the event loops; the batch is borrowed until it returns, not until its task completes.</param>
    public FramingServerBuilder UseProcessor(Func<PacketBatch, PacketSource, ValueTask> process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return UseProcessor(new DelegateProcessor(process));
    }

    /// <summary>Changes options: <c>o => o with { Port = 0 }</c>. The command line and the environment override them.</summary>
    public FramingServerBuilder UseOptions(Func<ServerOptions, ServerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _options = configure(_options);
        return this;
    }

    /// <summary>Sets the log, which the caller disposes; by default <see cref="RunAsync"/> logs by nlog.config.</summary>
    public FramingServerBuilder UseLoggerFactory(ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        Loggers = loggers;
        return this;
    }

    /// <summary>Turns the admin HTTP port off, unless the command line or the environment asks for one.</summary>
    public FramingServerBuilder WithoutAdmin() => UseOptions(options => options with { Admin = null });

    /// <summary>Lets <see cref="RunAsync"/> ignore signals: only its token stops the server, and nothing ends the process.</summary>
    public FramingServerBuilder WithoutSignalHandling()
    {
        HandlesSignals = false;
        return this;
    }

    /// <summary>Returns a server that has not started; it logs nothing without <see cref="UseLoggerFactory"/>.</summary>
    /// <exception cref="ArgumentException">Options are unknown, out of range or in conflict: one line for each.</exception>
    public FramingServer Build()
    {
        ParsedOptions<ServerOptions> parsed = Parse();
        return parsed.Errors.Count == 0
            ? Build(parsed.Options, Loggers ?? NullLoggerFactory.Instance, null)
            : throw new ArgumentException(string.Join(Environment.NewLine, parsed.Errors));
    }

    /// <summary>Runs the server as this program: options, log, signals and exit code as in the manual.</summary>
    /// <param name="cancellationToken">Stops the server gracefully, like SIGTERM.</param>
    /// <returns>The exit code of the program: 0, 1 if the server could not run, 2 if an option is wrong.</returns>
    /// <remarks>Once per process: it also sets buffer pools, memory allocator, console and DotNetty's log.</remarks>
    public Task<int> RunAsync(CancellationToken cancellationToken = default) => ServerRun.RunAsync(this, cancellationToken);

    internal ParsedOptions<ServerOptions> Parse()
    {
        OptionSet<ServerOptions> set = ServerCommandLine.Declare(_options, isDefaultProcessor: _processor is null);
        ParsedOptions<ServerOptions> parsed = _args is null ? set.Parse([], new Dictionary<string, string>()) : set.Parse(_args);
        ServerCommandLine.AddConflicts(parsed);
        return parsed;
    }

    internal FramingServer Build(ServerOptions options, ILoggerFactory loggers, int? listeningDescriptor)
    {
        IPacketProcessor processor = _processor
            ?? (options.Work > TimeSpan.Zero
                ? new SimulatedWorkProcessor(options.Work, TimeProvider.System)
                : new CountingProcessor(options.EventLoops));
        return new FramingServer(options, processor, loggers, TimeProvider.System) { ListeningDescriptor = listeningDescriptor };
    }

    private sealed class DelegateProcessor(Func<PacketBatch, PacketSource, ValueTask> process) : IPacketProcessor
    {
        public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken) =>
            process(batch, source);
    }
}
