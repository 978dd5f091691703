using System.Net;
using DotNetty.Buffers;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.LoadClient.Connecting;
using DotNettyFraming.LoadClient.Measuring;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>One event loop's share of the run: its connections, their packets, their counters.</summary>
/// <remarks>
/// Nothing here is shared between loops, so the send path has no lock and no atomic. Members are for the loop's own thread, except the
/// ones that say otherwise; those hand the work to the loop.
/// </remarks>
internal sealed class LoadLoop
{
    private readonly IEventLoop _eventLoop;
    private readonly Bootstrap _bootstrap;
    private readonly HashSet<SendingHandler> _connections = [];
    private readonly int _index;
    private readonly int _loops;
    private PacketShares? _immediateShares;
    private int _made;
    private int _busy;
    private bool _allConnected;
    private bool _finishing;
    private long _firstStart;
    private long _lastTaken;

    /// <summary>Prepares the share; the loop itself is running already.</summary>
    /// <param name="eventLoop">The event loop.</param>
    /// <param name="index">Its number among <paramref name="loops"/>: its connections are numbered index, index + loops, …</param>
    /// <param name="loops">Number of event loops.</param>
    /// <param name="transport">Where its channels come from.</param>
    /// <param name="tape">What they send.</param>
    /// <param name="connectTimeout">How long one connection attempt may take.</param>
    /// <param name="clock">Time of all kinds.</param>
    /// <param name="logger">For what happens to single connections.</param>
    public LoadLoop(
        IEventLoop eventLoop,
        int index,
        int loops,
        LoadTransport transport,
        PacketTape tape,
        TimeSpan connectTimeout,
        TimeProvider clock,
        ILogger logger)
    {
        Logger = logger;
        _eventLoop = eventLoop;
        _index = index;
        _loops = loops;
        Clock = clock;
        Packets = new StampedPackets(tape);
        ShutdownOutput = transport.ShutdownOutput;
        _bootstrap = new Bootstrap()
            .Group(eventLoop)
            .ChannelFactory(transport.NewChannel)
            // Packets that are to go out as writes of their own must not wait for each other.
            .Option(ChannelOption.TcpNodelay, true)
            .Option(ChannelOption.ConnectTimeout, connectTimeout)
            // Hardly anything is received: a pool would take 16 MiB for the first FIN.
            .Option(ChannelOption.Allocator, UnpooledByteBufferAllocator.Default)
            .Handler(new ActionChannelInitializer<IChannel>(InitializeChannel));
    }

    /// <summary>Time of all kinds.</summary>
    public TimeProvider Clock { get; }

    /// <summary>For what happens to single connections.</summary>
    public ILogger Logger { get; }

    /// <summary>What has been done on this loop; any thread may read its totals.</summary>
    public LoadCounters Counters { get; } = new();

    /// <summary>What the connections write.</summary>
    public StampedPackets Packets { get; }

    /// <summary>Sends a channel's FIN and goes on reading.</summary>
    public Func<IChannel, Task> ShutdownOutput { get; }

    /// <summary>Complete when all connections are tried and none has anything left to send or to see taken. Any thread.</summary>
    public TaskCompletionSource NothingLeft { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>After <see cref="FinishAsync"/>: complete when every connection has closed. Any thread.</summary>
    public TaskCompletionSource AllClosed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>When the first connection began to send (a timestamp of <see cref="Clock"/>), or null. Any thread.</summary>
    public long? FirstStart => Volatile.Read(ref _firstStart) is var started and not 0 ? started : null;

    /// <summary>After <see cref="FinishAsync"/>: when the last flushed write was taken, or null. Any thread.</summary>
    public long? LastTaken => Volatile.Read(ref _lastTaken) is var taken and not 0 ? taken : null;

    /// <summary>Makes one more connection. Any thread.</summary>
    public Task ConnectAsync(EndPoint target) => _bootstrap.ConnectAsync(target);

    /// <summary>Lets each connection send as soon as it is made. Any thread, before the first is.</summary>
    /// <param name="shares">Shared by the connections' numbers.</param>
    public void StartImmediately(PacketShares shares) => _immediateShares = shares;

    /// <summary>Number of connections that wait to be started. Any thread.</summary>
    public Task<int> CountWaitingAsync() => _eventLoop.SubmitAsync(() => _connections.Count(connection => connection.IsWaiting));

    /// <summary>Starts the connections that wait, and marks the end of connecting. Any thread.</summary>
    /// <param name="shares">Shared by all connections that wait, on all loops.</param>
    /// <param name="firstOrdinal">Number of those on the loops before this one.</param>
    public Task StartAsync(PacketShares shares, int firstOrdinal) => RunAsync(() =>
    {
        IEnumerable<SendingHandler> waiting = _connections.Where(connection => connection.IsWaiting);
        foreach (SendingHandler connection in waiting.OrderBy(connection => connection.Number))
        {
            Start(connection, shares.Of(firstOrdinal++));
        }

        _allConnected = true;
        CompleteIfNothingLeft();
    });

    /// <summary>
    /// Stops producing: each connection flushes what is on its way, sends its FIN, and closes when the server does. Any thread.
    /// </summary>
    public Task FinishAsync() => RunAsync(() =>
    {
        _allConnected = true;
        _finishing = true;
        foreach (SendingHandler connection in _connections.ToArray())
        {
            connection.Finish();
        }

        CompleteIfNothingLeft();
        CompleteIfAllClosed();
    });

    /// <summary>Closes the connections that are busy: their flush took too long. Any thread.</summary>
    public Task AbandonBusyAsync() => RunAsync(() => Abandon(connection => connection.IsBusy));

    /// <summary>Closes every connection. Any thread.</summary>
    public Task AbandonAllAsync() => RunAsync(() => Abandon(_ => true));

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

    /// <summary>A connection has been made.</summary>
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

    /// <summary>A write has been taken; only the flush at the end wants to know when.</summary>
    public void WriteTaken()
    {
        if (_finishing)
        {
            Volatile.Write(ref _lastTaken, Clock.GetTimestamp());
        }
    }

    private void InitializeChannel(IChannel channel)
    {
        // 0 and 1: writable exactly when nothing is on its way, see SendingHandler. Low before high, each is checked against the other.
        channel.Configuration.WriteBufferLowWaterMark = 0;
        channel.Configuration.WriteBufferHighWaterMark = 1;
        channel.Pipeline.AddLast(new SendingHandler(this, _index + (_made++ * _loops)));
    }

    private void Start(SendingHandler connection, long packets)
    {
        if (_firstStart == 0)
        {
            Volatile.Write(ref _firstStart, Clock.GetTimestamp());
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
