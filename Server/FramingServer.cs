using System.Net;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Admin;
using DotNettyFraming.Server.Forwarding;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Server.Storage;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server;

/// <summary>A packet server: receives packets on one port and hands them to an <see cref="IPacketProcessor"/>.</summary>
/// <remarks>
/// Starts once and stops once. A process can run several. It changes nothing of the process: signals, console, buffer pools and
/// DotNetty's log belong to <see cref="FramingServerBuilder.RunAsync"/>.
/// </remarks>
public sealed class FramingServer : IAsyncDisposable
{
    private static readonly Task<string> NeverFails = new TaskCompletionSource<string>().Task;

    private readonly IPacketProcessor _processor;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly ILogger _lifecycle;
    private readonly TimeProvider _time;
    private readonly ServerLife _life;
    private readonly Lock _stopping = new();
    private ServerTls? _tls;
    private StoreWriter? _store;
    private Forwarder? _forwarder;
    private DataPort? _port;
    private AdminServer? _admin;
    private ProgressReport? _progress;
    private Task? _stopped;

    internal FramingServer(ServerOptions options, IPacketProcessor processor, ILoggerFactory loggers, TimeProvider time)
    {
        Options = options;
        _processor = processor;
        _loggers = loggers;
        _logger = loggers.CreateLogger<FramingServer>();
        _lifecycle = loggers.CreateLogger(ServerLog.LifecycleCategory);
        _time = time;
        _life = new ServerLife(time);
    }

    /// <summary>The options in force.</summary>
    public ServerOptions Options { get; }

    /// <summary>The bound address and port, or path of a Unix socket; null before the start.</summary>
    public EndPoint? Endpoint { get; private set; }

    /// <summary>The address of the admin HTTP port; null before the start and without an admin port.</summary>
    public Uri? AdminUrl => _admin?.Url;

    /// <summary>Completes with the cause when the listening socket is lost; stop the server then. Valid after the start.</summary>
    public Task<string> ListenerLost => Started.ListenerLost;

    /// <summary>Completes with the cause when the store has failed for good; stop the server then. Valid after the start.</summary>
    public Task<string> StoreFailed => Started.StoreFailed ?? NeverFails;

    internal ServerCounters Counters { get; } = new();

    /// <summary>The descriptor of a listening socket to use instead of binding one.</summary>
    internal int? ListeningDescriptor { get; init; }

    private DataPort Started => _port ?? throw new InvalidOperationException("The server has not started.");

    /// <summary>Returns a builder for a server.</summary>
    /// <param name="args">The command line; it and the environment then override options set by code. Null reads neither.</param>
    public static FramingServerBuilder CreateBuilder(string[]? args = null) => new(args);

    /// <summary>Returns every counter since the start, named as in <c>/api/stats</c>: <c>packets.received</c>. Any thread.</summary>
    public IReadOnlyDictionary<string, long> ReadCounters() => new Dictionary<string, long>(Counters.Named());

    /// <summary>Starts the processor, then the ports; completes when connections are accepted.</summary>
    /// <param name="cancellationToken">Cancels the start of the processor.</param>
    /// <exception cref="StartupException">A port is in use, a file cannot be read, the processor failed, or similar.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        if (_port is not null)
        {
            throw new InvalidOperationException("The server was started before; build a new one.");
        }

        try
        {
            _tls = ServerTls.Of(Options, _time, _logger);
            _store = OpenStore();
            _port = new DataPort(Options, _processor, Counters, _time, _logger, _tls?.Rules, _store)
            {
                ListeningDescriptor = ListeningDescriptor,
            };
            if (Options.Forward is not null)
            {
                OpenForwarder();
            }

            StartupCheck.Report(Options, _port.TransportName, _logger);
            if (ListeningDescriptor is { } descriptor)
            {
                _logger.Activated(descriptor);
            }

            await StartProcessorAsync(cancellationToken).ConfigureAwait(false);
            if (Options.Admin is { } address)
            {
                // Opens before the data port, which is ready last, and closes after its drain, which it reports.
                await StartAdminAsync(address).ConfigureAwait(false);
            }

            Endpoint = await _port.StartAsync().ConfigureAwait(false);
            StartForwarder();
        }
        catch
        {
            await CloseAsync().ConfigureAwait(false);
            throw;
        }

        _life.BeginServing();
        if (Options.ReportEvery > 0)
        {
            ILogger log = _loggers.CreateLogger(ServerLog.ProgressCategory);
            _progress = new ProgressReport(() => Counters.PacketsProcessed, Options.ReportEvery, _time, log);
        }

        _lifecycle.Listening(AddressText.Format(Endpoint));
    }

    /// <summary>
    /// Stops accepting, drains each connection and closes it, by force after <see cref="ServerOptions.DrainTimeout"/>; then stops the
    /// processor. Throws what <see cref="IPacketProcessor.StopAsync"/> throws, after everything is closed.
    /// </summary>
    public Task StopAsync()
    {
        lock (_stopping)
        {
            return _stopped ??= Endpoint is null ? Task.CompletedTask : DrainAsync();
        }
    }

    /// <summary>Stops the server, if it runs.</summary>
    public async ValueTask DisposeAsync() => await StopAsync().ConfigureAwait(false);

    private async Task DrainAsync()
    {
        long start = _time.GetTimestamp();
        _life.BeginDraining();
        try
        {
            await _port!.StopAsync().ConfigureAwait(false);
            TimeSpan left = Options.DrainTimeout - _time.GetElapsedTime(start);
            using var expired = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            await _processor.StopAsync(expired.Token).ConfigureAwait(false);
            left = Options.DrainTimeout - _time.GetElapsedTime(start);
            await StopForwarderAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero).ConfigureAwait(false);
        }
        finally
        {
            await CloseAsync().ConfigureAwait(false);
            _lifecycle.Stopped(string.Join(' ', Counters.Named().Select(counter => $"{counter.Key}={counter.Value}")));
        }
    }

    private async Task CloseAsync()
    {
        _progress?.Dispose();
        await CloseAdminAsync().ConfigureAwait(false);
        await CloseForwarderAsync().ConfigureAwait(false); // before the store, whose last segment it reads
        _store?.Dispose(); // after the event loops: commits what they left
        _port?.Dispose();
        _tls?.Dispose();
    }

    private StoreWriter? OpenStore()
    {
        if (Options.Store is not { } directory)
        {
            return null;
        }

        var rules = new StoreRules
        {
            Directory = directory,
            Node = Options.Node,
            Header = $"{Options.Header}",
            CommitInterval = Options.StoreCommitInterval,
            SegmentBytes = Options.StoreSegmentBytes,
            Retain = Options.StoreRetain,
            MaxBytes = Options.StoreMaxBytes,
            Forwards = Options.Forward is not null,
        };
        try
        {
            return StoreWriter.Open(rules, Counters.Store = new StoreCounters(), _time, _logger);
        }
        catch (StoreException e)
        {
            throw new StartupException($"--store: {e.Message}", e);
        }
    }

    // Separate methods, so that nothing of StackExchange.Redis is loaded without forwarding.
    private void OpenForwarder()
    {
        ForwardRules rules = ForwardFiles.Read(Options);
        _forwarder = new Forwarder(rules, _store!, Counters.Store!, Counters.Forward = new ForwardCounters(), _time, _logger)
        {
            OnForwarded = Options.Ack == AckLevel.Forwarded ? _port!.Forwarded : null,
        };
    }

    private void StartForwarder() => _forwarder?.Start();

    private Task StopForwarderAsync(TimeSpan longest) => _forwarder?.StopAsync(longest) ?? Task.CompletedTask;

    private ValueTask CloseForwarderAsync() => _forwarder?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task StartProcessorAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _processor.StartAsync(Options, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (StartupException or OperationCanceledException))
        {
            throw new StartupException($"the packet processor did not start: {e.Message}", e);
        }
    }

    // Separate methods, so that nothing of ASP.NET Core is loaded without an admin port.
    private Task StartAdminAsync(IPEndPoint address)
    {
        var rules = new AdminRules(address, Options.AdminHosts, Options.AdminProfiles);
        _admin = new AdminServer(rules, _port!, Counters, _life, _time, _loggers);
        return _admin.StartAsync(CancellationToken.None);
    }

    private ValueTask CloseAdminAsync() => _admin?.DisposeAsync() ?? ValueTask.CompletedTask;
}
