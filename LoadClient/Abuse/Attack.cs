using System.Net;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.LoadClient.Connecting;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>An attack by hostile peers: starts their connections on one event loop, and closes those that reach their deadline.</summary>
/// <remarks>
/// An <see cref="AbuseKind"/> has the script, an <see cref="AttackPace"/> decides when connections start, and a <see cref="HostilePeer"/>
/// per connection plays the script. Members run on the loop's thread unless they say otherwise. Every event that makes room for
/// connections (one made, one gone, a tick) queues one <see cref="StartDue"/>.
/// </remarks>
internal sealed class Attack
{
    /// <summary>As for the ordinary connections: a sixteenth of a full accept queue.</summary>
    internal const int MaxConcurrentAttempts = 256;
    private const int MaxAttemptsPerTurn = 64;

    internal static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(10);

    private readonly AbuseOptions _options;
    private readonly LoadTransport _transport;
    private readonly IEventLoop _eventLoop;
    private readonly Func<EndPoint> _target;
    private readonly Func<EndPoint?>? _source;
    private readonly Action<IChannelPipeline>? _prependTls;
    private readonly ILogger _logger;
    private readonly ConnectFailures _refusals = new(); // connections that could not be made
    private readonly ConnectFailures _failures = new(); // connections that were made and failed
    private readonly AttackPace _pace;
    private readonly PriorityQueue<HostilePeer, TimeSpan> _pausing = new(); // by the time at which they continue
    private readonly long _startedAt;
    private readonly LinkedList<HostilePeer> _connecting = [];
    private readonly LinkedList<HostilePeer> _open = []; // the oldest, which has the earliest deadline, first
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _started;
    private int _alive; // channels registered and not yet gone, closing ones included
    private int _tickQueued;
    private bool _startQueued;
    private bool _bugLogged;

    public Attack(
        AbuseOptions options,
        Func<EndPoint> target,
        Func<EndPoint?>? source,
        LoadTransport transport,
        Action<IChannelPipeline>? prependTls,
        TimeProvider clock,
        ILogger logger)
    {
        _options = options;
        _target = target;
        _source = source;
        _transport = transport;
        _eventLoop = (IEventLoop)transport.Group.Items.First();
        _prependTls = prependTls;
        Clock = clock;
        _logger = logger;
        Script = options.Kind.Script(options.Seed);
        _pace = new AttackPace(options, clock);
        _startedAt = clock.GetTimestamp();
    }

    public TimeProvider Clock { get; }
    public HostileScript Script { get; }

    public AbuseCounters Counters { get; } = new(); // any thread may read its totals

    public AbuseTotals Totals() => Counters.Totals(_pace.HeldBack);

    /// <summary>Runs the attack until every hostile connection has ended or reached its deadline. Any thread, once.</summary>
    public async Task<AbuseReport> RunAsync(TimeSpan attackFor, CancellationToken stop)
    {
        try
        {
            _eventLoop.Execute(() =>
            {
                _pace.Begin(attackFor);
                StartDue();
            });

            // Both are disposed before the loop shuts down: after that it accepts no tasks.
            await using ITimer timer = Clock.CreateTimer(_ => QueueTick(), null, TickInterval, TickInterval);
            await using CancellationTokenRegistration stopping = stop.Register(() => _eventLoop.Execute(Interrupt));
            await _over.Task;
        }
        finally
        {
            await _transport.ShutDownAsync(Clock, _logger);
        }

        return new AbuseReport
        {
            Options = _options,
            AttackedFor = _pace.Elapsed,
            Totals = Totals(),
            Refusals = _refusals.ByReason(),
            Failures = _failures.ByReason(),
            TimeToClose = Counters.TimeToClose,
        };
    }

    public void Made(HostilePeer peer)
    {
        _connecting.Remove(peer.Place);
        _open.AddLast(peer.Place);
        Counters.Made();
        QueueStart();
    }

    /// <summary>Runs a peer again at its next moment; a peer that has ended meanwhile ignores it.</summary>
    public void Pause(HostilePeer peer) => _pausing.Enqueue(peer, NextMoment(Clock.GetElapsedTime(_startedAt), peer.Number));

    /// <summary>Returns the next of a peer's moments, one per second; numbers spread the peers over the second.</summary>
    internal static TimeSpan NextMoment(TimeSpan now, int number)
    {
        TimeSpan moment = (number % 100 * TickInterval) + TimeSpan.FromSeconds(Math.Floor(now.TotalSeconds));
        return moment > now ? moment : moment + TimeSpan.FromSeconds(1);
    }

    /// <summary>Counts the end of a connection that had been made. Its channel is unregistered.</summary>
    public void Ended(HostilePeer peer, HostileEnd end, Exception? fault)
    {
        Counters.Ended(end, Clock.GetElapsedTime(peer.MadeAt));
        if (end == HostileEnd.Failed)
        {
            _failures.Add(fault!);
        }

        Gone(peer);
    }

    /// <summary>Counts a connection that was not made. Its channel is unregistered.</summary>
    public void NotMade(HostilePeer peer, HostileEnd end, Exception reason)
    {
        if (end == HostileEnd.Refused)
        {
            Refused(reason);
        }
        else
        {
            Counters.NotMade(end);
        }

        Gone(peer);
    }

    /// <summary>Logs the first bug only; there may be thousands per second.</summary>
    public void LogBug(HostilePeer peer, Exception bug)
    {
        if (!_bugLogged)
        {
            _bugLogged = true;
            LoadClientLog.HostilePeerFailed(_logger, peer.Number, bug);
        }
    }

    private void QueueTick()
    {
        // One at a time, so that a stalled loop does not find thousands.
        if (Interlocked.Exchange(ref _tickQueued, 1) == 0)
        {
            _eventLoop.Execute(Tick);
        }
    }

    private void Interrupt()
    {
        _pace.Stop();
        foreach (HostilePeer peer in _connecting.Concat(_open).ToArray())
        {
            peer.Leave(HostileEnd.Interrupted);
        }

        CompleteIfOver();
    }

    private void Tick()
    {
        Volatile.Write(ref _tickQueued, 0);
        _pace.Tick();
        TimeSpan now = Clock.GetElapsedTime(_startedAt);
        while (_pausing.TryPeek(out HostilePeer? pausing, out TimeSpan moment) && moment <= now)
        {
            _pausing.Dequeue();
            pausing.Run(); // may pause again, always until a later time: moments missed in a stall are skipped
        }

        while (_open.First is { Value: HostilePeer oldest } && Clock.GetElapsedTime(oldest.MadeAt) >= _options.Deadline)
        {
            _open.RemoveFirst();
            oldest.Leave(HostileEnd.StillOpen);
        }

        StartDue();
    }

    private void Gone(HostilePeer peer)
    {
        peer.Place.List?.Remove(peer.Place);
        _alive--;
        QueueStart();
    }

    private void QueueStart()
    {
        if (!_startQueued)
        {
            _startQueued = true;
            _eventLoop.Execute(StartDue);
        }
    }

    private void StartDue()
    {
        _startQueued = false;
        int may = Math.Min(_pace.MayStart(_alive), MaxConcurrentAttempts - _connecting.Count);
        for (int i = 0; i < Math.Min(may, MaxAttemptsPerTurn); i++)
        {
            _pace.Started();
            Attempt();
        }

        if (may > MaxAttemptsPerTurn)
        {
            QueueStart();
        }

        CompleteIfOver();
    }

    private void Attempt()
    {
        Counters.Attempted();
        IChannel? channel = null;
        HostilePeer peer;
        EndPoint target;
        EndPoint? source;
        try
        {
            source = _source?.Invoke();
            target = _target();
            channel = _transport.NewChannel(target.AddressFamily);
            peer = new HostilePeer(this, channel, _started++);
            Prepare(channel, peer);
        }
        catch (Exception exception)
        {
            // Usually no descriptor is left. A channel that is not registered yet raises no event when it closes.
            channel?.Unsafe.CloseForcibly();
            Refused(exception);
            return;
        }

        // On the loop's own thread the task is complete. A channel that the loop refuses has been closed.
        Task registered = _eventLoop.RegisterAsync(channel);
        if (!registered.IsCompletedSuccessfully)
        {
            Refused(registered.Exception ?? (Exception)new ClosedChannelException());
            return;
        }

        _alive++;
        _connecting.AddLast(peer.Place);
        peer.Connect(target, source);
    }

    private void Prepare(IChannel channel, HostilePeer peer)
    {
        channel.Configuration.SetOption(ChannelOption.ConnectTimeout, ConnectionRamp.AttemptTimeout);

        // Hardly anything is received; a pool would allocate 16 MiB for the first FIN.
        channel.Configuration.SetOption(ChannelOption.Allocator, UnpooledByteBufferAllocator.Default);
        _prependTls?.Invoke(channel.Pipeline);
        channel.Pipeline.AddLast(peer);
    }

    private void Refused(Exception exception)
    {
        Counters.NotMade(HostileEnd.Refused);
        _refusals.Add(exception);
        _pace.Failed();
    }

    private void CompleteIfOver()
    {
        if (_alive == 0 && _pace.IsOver)
        {
            _over.TrySetResult();
        }
    }
}
