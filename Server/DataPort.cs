using System.Net;
using System.Net.Sockets;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.Hosting;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Server.Pipeline.Output;
using DotNettyFraming.Server.Pipeline.Proxy;
using DotNettyFraming.Server.Pipeline.Tls;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Server.Storage;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server;

/// <summary>The listening socket, its event loops and their connections.</summary>
/// <remarks><see cref="StartAsync"/> once, then <see cref="StopAsync"/> once; any thread.</remarks>
internal sealed class DataPort : IServerProbe, IDisposable
{
    // Event loops that do not answer by then are busy or have ended.
    private static readonly TimeSpan LongestSurvey = TimeSpan.FromSeconds(5);

    private static readonly IReadOnlyDictionary<string, long> NoErrors = new Dictionary<string, long>();

    private static readonly TimeSpan LoopShutdown = TimeSpan.FromSeconds(1);

    private readonly ServerOptions _options;
    private readonly ServerCounters _counters;
    private readonly ILogger _logger;
    private readonly ServerTransport _transport;
    private readonly MultithreadEventLoopGroup _acceptLoop;
    private readonly MultithreadEventLoopGroup _loops;
    private readonly Dictionary<IEventLoop, LoopState> _states;
    private readonly ServerBootstrap _bootstrap;
    private readonly CancellationTokenSource _forcedStop = new();
    private readonly TimeProvider _time;
    private readonly StoreWriter? _store;
    private IChannel? _listener;
    private ListenerWatch? _listenerWatch;
    private ITimer? _sweeps;

    public DataPort(
        ServerOptions options,
        IPacketProcessor processor,
        ServerCounters counters,
        TimeProvider time,
        ILogger logger,
        TlsRules? tls = null,
        StoreWriter? store = null)
    {
        _store = store;
        _time = time;
        _options = options;
        _counters = counters;
        _logger = logger;
        _transport = ServerTransport.Of(options.Transport);
        _acceptLoop = _transport.NewEventLoops(1);
        _loops = _transport.NewEventLoops(options.EventLoops);
        EventLoops =
        [
            .. _loops.Items.Select((loop, index) => new EventLoopProbe($"{index}", _transport.LoadOf(loop))),
            new EventLoopProbe("accept", _transport.LoadOf(_acceptLoop.Items.Single())),
        ];
        var limits = new ConnectionLimits(options.MaxConnections, options.MaxConnectionsPerIp);
        var budget = new BufferBudget(options.MaxBufferedBytes, options.EventLoops);
        var deadlines = new PeerDeadlines(options.IdleTimeout, options.PacketTimeout)
        {
            TlsHandshake = options.TlsHandshakeTimeout,
            Write = options.WriteTimeout,
            MaxAge = options.MaxConnectionAge,
        };
        _states = _loops.Items
            .Select((loop, index) => (Loop: loop, State: new LoopState(
                index,
                counters.AddLoop(),
                limits,
                new DeadlineSweep(deadlines, time) { AvailableBytes = _transport.AvailableBytes },
                budget,
                options.MaxPendingBytes)
            {
                Acknowledger = options.Ack == AckLevel.Off
                    ? null
                    : new Acknowledger(options.Header, options.Ack, options.AckInterval, time),
                Sockets = _transport.Calls,
                Turn = new LoopTurn
                {
                    Sink = store?.AddLoop(
                        action => Execute(loop, action), waits => Execute(loop, () => _states![loop].SetStoreWaits(waits))),
                },
            }))
            .ToDictionary(pair => pair.Loop, pair => pair.State);
        budget.Exceeded = ShedOnEachLoop;
        ProxyRules? proxy = options.ProxyProtocol == ProxyProtocol.Required
            ? new ProxyRules(options.ProxyTrusted, logger)
            : null;
        _bootstrap = new ServerBootstrap()
            .Group(_acceptLoop, _loops)
            .ChannelFactory(NewListener)
            .Option(ChannelOption.SoBacklog, options.Backlog)
            .ChildOption(ChannelOption.AllowHalfClosure, true)
            .ChildHandler(new ConnectionInitializer(
                options.Header, options.AcceptedPayloadBytes, proxy, processor, _states, logger, _forcedStop.Token, tls)
            {
                FirstId = store?.FirstConnection ?? 1,
            });
        if (TcpOptions.Of(options) is { Count: > 0 } tcp)
        {
            _bootstrap.Handler(new TcpOptions(tcp, _transport.SetOption));
        }

        if (_transport.ReceiveBuffers is { } receiveBuffers)
        {
            _bootstrap.ChildOption(ChannelOption.RcvbufAllocator, receiveBuffers);
        }
    }

    /// <summary>The descriptor of a listening socket to use instead of binding one (<see cref="SocketActivation"/>).</summary>
    public int? ListeningDescriptor { get; init; }

    /// <summary>Completes with the cause when the listening socket is lost; valid after the start.</summary>
    public Task<string> ListenerLost => _listenerWatch!.Lost;

    /// <summary>Completes with the cause when the store has failed and all connections are closing; null without a store.</summary>
    public Task<string>? StoreFailed { get; private set; }

    /// <inheritdoc/>
    public string TransportName => _transport.Name;

    /// <inheritdoc/>
    public int MaxConnections => _options.MaxConnections;

    /// <inheritdoc/>
    public bool HasPacketTime => _options.Header.HasTime;

    /// <inheritdoc/>
    public long MaxBufferedBytes => _options.MaxBufferedBytes;

    /// <inheritdoc/>
    public IReadOnlyList<EventLoopProbe> EventLoops { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, long>? AcceptErrors =>
        _transport.AcceptErrors is { } errors ? (Volatile.Read(ref _listener) is { } listener ? errors(listener) : NoErrors) : null;

    /// <inheritdoc/>
    public async Task<PeerSurvey?> SurveyAsync(int most)
    {
        try
        {
            PeerSurvey[] parts = await Task.WhenAll(_states.Select(loop => loop.Key.SubmitAsync(() => loop.Value.Survey.Run(most))))
                .WaitAsync(LongestSurvey).ConfigureAwait(false);
            return PeerSurvey.Merge(parts, most);
        }
        catch (Exception e) when (e is RejectedExecutionException or TimeoutException)
        {
            return null; // the loops have ended; DotNetty's own then never run what is submitted
        }
    }

    /// <summary>Starts to listen; returns the bound address.</summary>
    /// <exception cref="StartupException">The port is in use, the address is not local, or similar.</exception>
    public async Task<EndPoint> StartAsync()
    {
        if (ListeningDescriptor is not null && _transport.AdoptListener is null)
        {
            await ShutDownLoopsAsync().ConfigureAwait(false);
            throw new StartupException(
                $"{SocketActivation.CountVariable}: the {_transport.Name} transport cannot take over a listening socket");
        }

        if (_store is { } store)
        {
            store.Start();
            StoreFailed = AbortAtFailureAsync(store);
        }

        try
        {
            _listener = await ListenAsync().ConfigureAwait(false);
        }
        catch (StartupException)
        {
            await ShutDownLoopsAsync().ConfigureAwait(false);
            throw;
        }
        catch (SocketException e)
        {
            await ShutDownLoopsAsync().ConfigureAwait(false);
            string what = ListeningDescriptor is not null ? SocketActivation.CountVariable
                : _options.UnixPath is { } path ? $"--address unix:{path}"
                : $"--address {_options.Address?.ToString() ?? "any"}, --port {_options.Port}";
            throw new StartupException($"{what}: cannot listen: {e.Message}", e);
        }

        _listenerWatch = new ListenerWatch(_listener, _transport.IsListening, _time);
        StartSweeps();
        return _listener.LocalAddress;
    }

    /// <summary>Stops accepting, drains each connection and closes it, by force after <see cref="ServerOptions.DrainTimeout"/>.</summary>
    public async Task StopAsync()
    {
        if (_listener is null)
        {
            return;
        }

        _logger.Draining(_counters.Open, $"{_options.DrainTimeout.TotalSeconds} s");
        _listenerWatch?.Dispose();
        await _listener.CloseAsync().ConfigureAwait(false);
        OnEachLoop(state => state.StartDrain());
        _store?.Drain();

        Task drained = Task.WhenAll(_states.Values.Select(state => state.Drained));
        if (await Task.WhenAny(drained, Task.Delay(_options.DrainTimeout)).ConfigureAwait(false) != drained)
        {
            await ForceAsync(drained).ConfigureAwait(false);
        }

        await StopTimersAsync().ConfigureAwait(false);
        await ShutDownLoopsAsync().ConfigureAwait(false);
    }

    /// <summary>Moves connections to where their packets are forwarded. Any thread.</summary>
    public void Forwarded(IReadOnlyList<(long Connection, long End)> ends) => OnEachLoop(state => state.Forwarded(ends));

    /// <summary>Completes when each event loop has run its queued tasks; for tests.</summary>
    internal Task LoopsAsync() => Task.WhenAll(_states.Keys.Select(loop => loop.SubmitAsync(() => true)));

    /// <inheritdoc/>
    public void Dispose()
    {
        _listenerWatch?.Dispose();
        _sweeps?.Dispose();
        _forcedStop.Dispose();
    }

    /// <summary>Starts the sweeps on the loops' own timers; a test's clock has its own timer.</summary>
    private void StartSweeps()
    {
        if (_time != TimeProvider.System)
        {
            _sweeps = _time.CreateTimer(_ => OnEachLoop(state => state.RunSweep()), null, DeadlineSweep.Interval, DeadlineSweep.Interval);
            return;
        }

        foreach ((IEventLoop loop, LoopState state) in _states)
        {
            state.StartSweeps(loop);
        }
    }

    /// <summary>Stops the sweeps before the loops: a DotNetty loop that gets a task during its shutdown can spin forever.</summary>
    private ValueTask StopTimersAsync()
    {
        OnEachLoop(state => state.StopTimers());
        return _sweeps?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private void ShedOnEachLoop()
    {
        foreach ((IEventLoop loop, LoopState state) in _states)
        {
            if (state.RequestShedding())
            {
                Execute(loop, state.ShedOldest);
            }
        }
    }

    private async Task<IChannel> ListenAsync()
    {
        if (_options.UnixPath is not { } path || ListeningDescriptor is not null)
        {
            return await _bootstrap.BindAsync(new IPEndPoint(_options.Address ?? IPAddress.IPv6Any, _options.Port)).ConfigureAwait(false);
        }

        UnixSocketFile.DeleteStale(path);
        IChannel listener = await _bootstrap.BindAsync(new UnixDomainSocketEndPoint(path)).ConfigureAwait(false);
        UnixSocketFile.SetMode(path);
        return listener;
    }

    /// <summary>Aborts before the server starts to drain, so that the reason of each connection is the store's failure.</summary>
    private async Task<string> AbortAtFailureAsync(StoreWriter store)
    {
        string why = await store.Failed.ConfigureAwait(false);
        OnEachLoop(state => state.AbortAll(CloseReason.StoreFailed));
        return why;
    }

    private IServerChannel NewListener() =>
        ListeningDescriptor is { } descriptor ? _transport.AdoptListener!(descriptor)
        : _options.UnixPath is not null ? _transport.NewUnixListener()
        : _transport.NewListener(_options.Address);

    private async Task ForceAsync(Task drained)
    {
        long left = _counters.Open;
        long dropped = _counters.PacketsDropped;
        OnEachLoop(state => state.AbortAll(CloseReason.ServerStopping));
        await Task.WhenAny(drained, Task.Delay(LoopShutdown)).ConfigureAwait(false);
        await _forcedStop.CancelAsync().ConfigureAwait(false);
        _logger.DrainExpired(left, _counters.PacketsDropped - dropped);
    }

    private void OnEachLoop(Action<LoopState> action)
    {
        foreach ((IEventLoop loop, LoopState state) in _states)
        {
            Execute(loop, () => action(state));
        }
    }

    private static void Execute(IEventLoop loop, Action action)
    {
        try
        {
            loop.Execute(action);
        }
        catch (RejectedExecutionException)
        {
            // The loop has ended, and its connections with it.
        }
    }

    // Bounded: a DotNetty loop can spin forever during its shutdown; its background threads do not block process exit.
    private async Task ShutDownLoopsAsync()
    {
        Task ended = Task.WhenAll(
            _acceptLoop.ShutdownGracefullyAsync(TimeSpan.Zero, LoopShutdown),
            _loops.ShutdownGracefullyAsync(TimeSpan.Zero, LoopShutdown));
        await Task.WhenAny(ended, Task.Delay(2 * LoopShutdown)).ConfigureAwait(false);
    }
}
