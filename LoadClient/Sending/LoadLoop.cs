using System.Net;
using DotNetty.Buffers;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Measuring;
using DotNettyFraming.LoadClient.Options;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>One event loop's share of the run: its connections, their packets, their counters.</summary>
/// <remarks>
/// Nothing here is shared between loops, so the send path has no lock and no atomic. Members are for the loop's own thread, except those
/// that say otherwise.
/// </remarks>
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
        Pacing = new FullSpeedPacing(Clock, eventLoop.Execute, options.PacketsPerWrite * options.Payload.MaxPacketBytes);
        _eventLoop = eventLoop;
        _tls = tls;
        _transport = transport;
        TrySend = IsEncrypted ? null : transport.TrySend;
        _bootstrap = new Bootstrap()
            .Group(eventLoop)
            // Packets that are to go out as writes of their own must not wait for each other.
            .Option(ChannelOption.TcpNodelay, true)
            .Option(ChannelOption.ConnectTimeout, ConnectionRamp.AttemptTimeout)
            // Hardly anything is received: a pool would take 16 MiB for the first FIN.
            .Option(ChannelOption.Allocator, UnpooledByteBufferAllocator.Default);
    }

    public LoopClock Clock { get; }
    public ILogger Logger { get; }

    public LoadCounters Counters { get; } = new(); // what has been done on this loop; any thread may read its totals
    public StampedPackets Packets { get; }
    public IPacing Pacing { get; private set; }
    public SplitMode? Split { get; }
    public int Seed { get; }
    public bool IsEncrypted => _tls is not null;

    public DirectSend? TrySend { get; } // the way past the pipeline; null where everything has to go through it

    /// <summary>Complete when all connections are tried and none has anything left to send or to see taken. Any thread.</summary>
    public TaskCompletionSource NothingLeft { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>After <see cref="FinishAsync"/>: complete when every connection has closed. Any thread.</summary>
    public TaskCompletionSource AllClosed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>When the first connection began to send, a timestamp, or null. Any thread.</summary>
    public long? FirstStart => Volatile.Read(ref _firstStart) is var started and not 0 ? started : null;

    /// <summary>When the last write was taken, a timestamp, or null. Any thread.</summary>
    public long? LastTaken => Volatile.Read(ref _lastTaken) is var taken and not 0 ? taken : null;

    /// <summary>Makes one more connection. Any thread.</summary>
    public async Task ConnectAsync(int number, IPEndPoint target, IPEndPoint? source)
    {
        var connection = new SendingHandler(this, number);
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

    /// <summary>Lets the connections take turns in another way. On the loop, or before it has connections.</summary>
    public void UsePacing(IPacing pacing) => Pacing = pacing;

    /// <summary>Lets each connection send as soon as it is made. Any thread, before the first is.</summary>
    public void StartImmediately(PacketShares shares, Timetable? timetable)
    {
        _immediateShares = shares;
        UseTimetable(timetable);
    }

    /// <summary>Number of connections that wait to be started. Any thread.</summary>
    public Task<int> CountWaitingAsync() => _eventLoop.SubmitAsync(() => _connections.Count(connection => connection.IsWaiting));

    /// <summary>Marks the end of connecting, and starts the connections that wait. Any thread.</summary>
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

    /// <summary>Says when the last write is due. Any thread.</summary>
    public Task EndAtAsync(long timestamp) => RunAsync(() => Pacing.EndAt(timestamp));

    /// <summary>
    /// Stops producing: each connection flushes what was due and is on its way, sends its FIN, and closes when the server does. Any thread.
    /// </summary>
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

    /// <summary>Closes the connections that are busy: their flush took too long. Any thread.</summary>
    public Task AbandonBusyAsync() => RunAsync(() => Abandon(connection => connection.IsBusy));

    public Task AbandonAllAsync() => RunAsync(() => Abandon(_ => true));

    /// <summary>Takes the latencies recorded since the last call. Any thread; they are the loop's again at the next call.</summary>
    public Task<LatencyInterval> TakeIntervalAsync() => _eventLoop.SubmitAsync(Counters.TakeInterval);

    /// <summary>A channel has been made for a connection.</summary>
    public void Add(SendingHandler connection)
    {
        _connections.Add(connection);
        if (_finishing)
        {
            connection.Finish();
        }
    }

    /// <summary>A channel is closed and gone.</summary>
    public void Remove(SendingHandler connection)
    {
        _connections.Remove(connection);
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

    /// <summary>One more connection, or one less, has something left to send or to see taken.</summary>
    public void BusyChanged(int change)
    {
        _busy += change;
        CompleteIfNothingLeft();
    }

    public void WriteTaken() => Volatile.Write(ref _lastTaken, Clock.Now);

    /// <summary>Sends a channel's FIN, with TLS its farewell before it, and goes on reading.</summary>
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
            Volatile.Write(ref _firstStart, Clock.Look());
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
