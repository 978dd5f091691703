using System.Net;
using DotNetty.Buffers;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.LoadClient.Acknowledging;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>The share of one event loop in the run: its connections, packets and counters.</summary>
/// <remarks>Members run on the loop's thread unless they say otherwise. The loops share nothing, so sending takes no lock.</remarks>
internal sealed class LoadLoop
{
    private readonly IEventLoop _eventLoop;
    private readonly Bootstrap _bootstrap;
    private readonly ClientTls? _tls;
    private readonly LoadTransport _transport;
    private readonly HashSet<SendingHandler> _connections = [];
    private PacketShares? _immediateShares;
    private int _busy;
    private bool _allConnected;
    private bool _finishing;
    private long _firstStart;
    private long _lastTaken;

    public LoadLoop(
        IEventLoop eventLoop,
        LoadTransport transport,
        ClientTls? tls,
        LoadOptions options,
        PacketTape tape,
        TimeProvider clock,
        ILogger logger)
    {
        Logger = logger;
        Split = options.Split;
        Seed = options.Seed;
        Clock = new LoopClock(clock);
        Packets = new StampedPackets(tape);
        Pacing = new FullSpeedPacing(Clock, eventLoop.Execute, tape.MaxWriteBytes);
        Serial = options.Serial ? new SerialStamp(tape) : null;
        Counters = new LoadCounters(options.Ack);
        Acknowledges = options.Ack;
        Header = options.Header;
        _eventLoop = eventLoop;
        _tls = tls;
        _transport = transport;
        TrySend = IsEncrypted ? null : transport.TrySend;
        _bootstrap = new Bootstrap()
            .Group(eventLoop)
            // Each write is sent immediately.
            .Option(ChannelOption.TcpNodelay, true)
            .Option(ChannelOption.ConnectTimeout, ConnectionRamp.AttemptTimeout)
            // Hardly anything is received; a pool would allocate 16 MiB for the first FIN.
            .Option(ChannelOption.Allocator, UnpooledByteBufferAllocator.Default);
    }

    public LoopClock Clock { get; }
    public ILogger Logger { get; }

    public LoadCounters Counters { get; } // any thread may read its totals
    public StampedPackets Packets { get; }
    public IPacing Pacing { get; private set; }
    public SplitMode? Split { get; }
    public int Seed { get; }
    public SerialStamp? Serial { get; } // null without --serial
    public bool WritesPieces => Split is not null || Serial is not null;
    public bool Acknowledges { get; }
    public HeaderLayout Header { get; }
    public bool IsEncrypted => _tls is not null;
    public string? AckFault { get; set; } // the first wrong acknowledgement
    public Action<SendingHandler>? Reconnect { get; init; } // null without --reconnect
    public AckLine[]? AckLines { get; init; } // of all connections, each written when it ends; null without --ack-log

    public DirectSend? TrySend { get; } // null if everything has to go through the pipeline

    /// <summary>Complete when all connections were tried and none has anything left to send. Any thread.</summary>
    public TaskCompletionSource NothingLeft { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>After <see cref="FinishAsync"/>: complete when all connections have closed. Any thread.</summary>
    public TaskCompletionSource AllClosed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The timestamp at which the first connection started to send. Any thread.</summary>
    public long? FirstStart => Volatile.Read(ref _firstStart) is var started and not 0 ? started : null;

    /// <summary>The timestamp at which the kernel took the last write. Any thread.</summary>
    public long? LastTaken => Volatile.Read(ref _lastTaken) is var taken and not 0 ? taken : null;

    /// <summary>Makes a connection, for the first time or again. Any thread.</summary>
    public async Task ConnectAsync(SendingHandler connection, EndPoint target, IPEndPoint? source)
    {
        connection.Prepare();
        Bootstrap bootstrap = _bootstrap.Clone()
            .ChannelFactory(() => _transport.NewChannel(target.AddressFamily))
            .Handler(new ActionChannelInitializer<IChannel>(channel =>
            {
                channel.Pipeline.AddLast(connection);
                _tls?.AddTo(channel);
            }));
        IChannel channel = await (source is null ? bootstrap.ConnectAsync(target) : bootstrap.ConnectAsync(target, source));
        try
        {
            await connection.Established.WaitAsync(ConnectionRamp.AttemptTimeout);
        }
        catch (TimeoutException)
        {
            _ = channel.CloseAsync();
            throw;
        }
    }

    /// <summary>Replaces the pacing. On the loop, or before it has connections.</summary>
    public void UsePacing(IPacing pacing) => Pacing = pacing;

    /// <summary>Starts each connection as soon as it is made. Any thread, before the first one is made.</summary>
    public void StartImmediately(PacketShares shares, Timetable? timetable)
    {
        _immediateShares = shares;
        UseTimetable(timetable);
    }

    /// <summary>Counts the connections that wait to be started. Any thread.</summary>
    public Task<int> CountWaitingAsync() => _eventLoop.SubmitAsync(() => _connections.Count(connection => connection.IsWaiting));

    /// <summary>Ends connecting, and starts the waiting connections. Any thread.</summary>
    public Task StartAsync(PacketShares shares, int firstOrdinal, Timetable? timetable) => RunAsync(() =>
    {
        UseTimetable(timetable);
        IEnumerable<SendingHandler> waiting = _connections.Where(connection => connection.IsWaiting);
        foreach (SendingHandler connection in waiting.OrderBy(connection => connection.Number))
        {
            Start(connection, shares.Of(firstOrdinal++));
        }

        _allConnected = true;
        CompleteIfNothingLeft();
    });

    /// <summary>Ends the schedule at a timestamp. Any thread.</summary>
    public Task EndAtAsync(long timestamp) => RunAsync(() => Pacing.EndAt(timestamp));

    /// <summary>Finishes all connections: each makes its due writes, sends its FIN, and waits for the server's. Any thread.</summary>
    public Task FinishAsync(long end) => RunAsync(() =>
    {
        _allConnected = true;
        _finishing = true;
        Pacing.EndAt(end);
        foreach (SendingHandler connection in _connections.ToArray())
        {
            connection.Finish();
        }

        CompleteIfNothingLeft();
        CompleteIfAllClosed();
    });

    /// <summary>Closes the connections that still have something to send. Any thread.</summary>
    public Task AbandonBusyAsync() => RunAsync(() => Abandon(connection => connection.IsBusy));

    public Task AbandonAllAsync() => RunAsync(() => Abandon(_ => true));

    /// <summary>Returns the latencies since the last call, valid until the next call. Any thread.</summary>
    public Task<LatencyInterval> TakeIntervalAsync() => _eventLoop.SubmitAsync(Counters.TakeInterval);

    public void Add(SendingHandler connection)
    {
        _connections.Add(connection);
        if (_finishing)
        {
            connection.Finish();
        }
    }

    public void Remove(SendingHandler connection)
    {
        _connections.Remove(connection);
        if (AckLines is not null)
        {
            AckLines[connection.Number] = connection.Line;
        }

        CompleteIfAllClosed();
    }

    public void Connected(SendingHandler connection)
    {
        if (_finishing)
        {
            connection.Finish();
        }
        else if (_immediateShares is PacketShares shares)
        {
            Start(connection, shares.Of(connection.Number));
        }
    }

    /// <summary>Adds to the number of connections that have something left to send.</summary>
    public void BusyChanged(int change)
    {
        _busy += change;
        CompleteIfNothingLeft();
    }

    /// <summary>Records a write of new packets that the kernel took just now.</summary>
    public void WriteTaken(TimeSpan latency)
    {
        Counters.TookWrite(latency);
        Volatile.Write(ref _lastTaken, Clock.Now);
    }

    /// <summary>Sends a channel's FIN, after close_notify with TLS, and continues to read.</summary>
    public async Task ShutdownOutput(IChannel channel)
    {
        if (IsEncrypted)
        {
            await ClientTls.EndOutputAsync(channel);
        }

        await _transport.ShutdownOutput(channel);
    }

    private void UseTimetable(Timetable? timetable)
    {
        if (timetable is Timetable times)
        {
            UsePacing(new RatePacing(
                times,
                Clock,
                Counters,
                _eventLoop.Execute,
                (task, delay) => _eventLoop.Schedule(task, delay),
                joining: _immediateShares is not null));
        }
    }

    private void Start(SendingHandler connection, long packets)
    {
        if (_firstStart == 0)
        {
            Volatile.Write(ref _firstStart, Clock.Read());
        }

        connection.Start(packets);
    }

    private void Abandon(Func<SendingHandler, bool> which)
    {
        foreach (SendingHandler connection in _connections.Where(which).ToArray())
        {
            connection.Abandon();
        }
    }

    private void CompleteIfNothingLeft()
    {
        if (_allConnected && _busy == 0)
        {
            NothingLeft.TrySetResult();
        }
    }

    private void CompleteIfAllClosed()
    {
        if (_finishing && _connections.Count == 0)
        {
            AllClosed.TrySetResult();
        }
    }

    private Task<bool> RunAsync(Action action) => _eventLoop.SubmitAsync(() =>
    {
        action();
        return true;
    });
}
