using System.Net;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNettyFraming.LoadClient.Connecting;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>The attack on its event loop: begins connections, counts them, and closes those whose deadline has come.</summary>
/// <remarks>
/// Members are for the loop's thread, except those that say otherwise. Whatever makes room for new connections (one made, one gone, a tick)
/// queues one <see cref="Begin"/>, which begins what the <see cref="AttackPace"/> allows. One tick does all that depends on time.
/// </remarks>
internal sealed class Attack
{
    /// <summary>Attempts under way at once, as with the ordinary connections: a sixteenth of a full accept queue.</summary>
    internal const int MostAttemptsAtOnce = 256;
    private const int MostAttemptsPerTurn = 64;

    internal static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(10); // the time from tick to tick

    /// <summary>How long one attempt may take: four lost SYNs (1 + 2 + 4 + 8 s) and a little.</summary>
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(20);

    private readonly AbuseOptions _options;
    private readonly LoadTransport _transport;
    private readonly IEventLoop _eventLoop;
    private readonly Func<IPEndPoint> _target;
    private readonly Func<EndPoint?>? _source;
    private readonly Action<IChannelPipeline>? _prependTls;
    private readonly ILogger _logger;
    private readonly AttackPace _pace;
    private readonly PriorityQueue<HostilePeer, TimeSpan> _pausing = new(); // by the moment at which they go on
    private readonly long _startedAt;
    private readonly LinkedList<HostilePeer> _connecting = [];
    private readonly LinkedList<HostilePeer> _open = []; // in the order of their making, and so of their deadlines
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _begun;
    private int _alive; // channels registered and not yet gone, those that are closing included
    private int _tickQueued;
    private bool _beginQueued;
    private bool _bugLogged;

    public Attack(
        AbuseOptions options,
        Func<IPEndPoint> target,
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

    public AbuseCounters Counters { get; } = new(); // what has been done; any thread may read its totals
    public ConnectFailures Refusals { get; } = new(); // why connections could not be made. Any thread
    public ConnectFailures Failures { get; } = new(); // why connections failed that had been made. Any thread
    public Task Over => _over.Task; // complete when no connection will be begun any more and none is left. Any thread
    public TimeSpan AttackedFor => _pace.Elapsed; // how long the attack has lasted, at most as long as it was to. When it is over

    public AbuseTotals Totals() => Counters.Totals(_pace.HeldBack);

    /// <summary>Begins the attack. Any thread, once.</summary>
    public void Start(TimeSpan attackFor) => _eventLoop.Execute(() =>
    {
        _pace.Begin(attackFor);
        Begin();
    });

    /// <summary>Does what has become due; to be called each <see cref="TickInterval"/>. Any thread.</summary>
    public void QueueTick()
    {
        // One at a time: a loop that is held up does not find a heap of them.
        if (Interlocked.Exchange(ref _tickQueued, 1) == 0)
        {
            _eventLoop.Execute(Tick);
        }
    }

    /// <summary>Ends every connection now. Any thread.</summary>
    public void Interrupt() => _eventLoop.Execute(() =>
    {
        _pace.Stop();
        foreach (HostilePeer peer in _connecting.Concat(_open).ToArray())
        {
            peer.Leave(HostileEnd.Interrupted);
        }

        CompleteIfOver();
    });

    /// <summary>A peer's connection has been made.</summary>
    public void Made(HostilePeer peer)
    {
        _connecting.Remove(peer.Place);
        _open.AddLast(peer.Place);
        Counters.Made();
        QueueBegin();
    }

    /// <summary>Lets a peer wait for its moment of the second. One that ends meanwhile need not be taken out.</summary>
    public void Pause(HostilePeer peer) => _pausing.Enqueue(peer, NextMoment(Clock.GetElapsedTime(_startedAt), peer.Number));

    /// <summary>Returns the next of a peer's moments, one per second; numbers spread the peers over the second.</summary>
    internal static TimeSpan NextMoment(TimeSpan now, int number)
    {
        TimeSpan moment = (number % 100 * TickInterval) + TimeSpan.FromSeconds(Math.Floor(now.TotalSeconds));
        return moment > now ? moment : moment + TimeSpan.FromSeconds(1);
    }

    /// <summary>A connection that had been made has ended, and its channel is gone.</summary>
    public void Ended(HostilePeer peer, HostileEnd end, Exception? fault)
    {
        Counters.Ended(end, Clock.GetElapsedTime(peer.MadeAt));
        if (end == HostileEnd.Failed)
        {
            Failures.Add(fault!);
        }

        Gone(peer);
    }

    /// <summary>A connection has not been made, and its channel is gone.</summary>
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

    /// <summary>Logs the first bug; there may be thousands a second of it.</summary>
    public void LogBug(HostilePeer peer, Exception bug)
    {
        if (!_bugLogged)
        {
            _bugLogged = true;
            LoadClientLog.HostilePeerFailed(_logger, peer.Number, bug);
        }
    }

    private void Tick()
    {
        Volatile.Write(ref _tickQueued, 0);
        _pace.Tick();
        TimeSpan now = Clock.GetElapsedTime(_startedAt);
        while (_pausing.TryPeek(out HostilePeer? pausing, out TimeSpan moment) && moment <= now)
        {
            _pausing.Dequeue();
            pausing.Run(); // which may pause again, until a later moment: what a stall has missed is not made up for
        }

        while (_open.First is { Value: HostilePeer oldest } && Clock.GetElapsedTime(oldest.MadeAt) >= _options.Deadline)
        {
            _open.RemoveFirst();
            oldest.Leave(HostileEnd.StillOpen);
        }

        Begin();
    }

    private void Gone(HostilePeer peer)
    {
        peer.Place.List?.Remove(peer.Place);
        _alive--;
        QueueBegin();
    }

    private void QueueBegin()
    {
        if (!_beginQueued)
        {
            _beginQueued = true;
            _eventLoop.Execute(Begin);
        }
    }

    private void Begin()
    {
        _beginQueued = false;
        int may = Math.Min(_pace.MayBegin(_alive), MostAttemptsAtOnce - _connecting.Count);
        for (int i = 0; i < Math.Min(may, MostAttemptsPerTurn); i++)
        {
            _pace.Begun();
            Attempt();
        }

        if (may > MostAttemptsPerTurn)
        {
            QueueBegin();
        }

        CompleteIfOver();
    }

    private void Attempt()
    {
        Counters.Attempted();
        IChannel? channel = null;
        HostilePeer peer;
        IPEndPoint target;
        EndPoint? source;
        try
        {
            source = _source?.Invoke();
            target = _target();
            channel = _transport.NewChannel(target.AddressFamily);
            peer = new HostilePeer(this, channel, _begun++);
            Prepare(channel, peer);
        }
        catch (Exception exception)
        {
            // No descriptor left, as a rule. A channel that is not registered yet tells nobody of its end.
            channel?.Unsafe.CloseForcibly();
            Refused(exception);
            return;
        }

        // On the loop's own thread this is done when it returns. A channel that the loop does not take has been closed.
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
        channel.Configuration.SetOption(ChannelOption.ConnectTimeout, AttemptTimeout);

        // Hardly anything is received: a pool would take 16 MiB for the first FIN.
        channel.Configuration.SetOption(ChannelOption.Allocator, UnpooledByteBufferAllocator.Default);
        _prependTls?.Invoke(channel.Pipeline);
        channel.Pipeline.AddLast(peer);
    }

    private void Refused(Exception exception)
    {
        Counters.NotMade(HostileEnd.Refused);
        Refusals.Add(exception);
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
