using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using DotNetty.Common.Concurrency;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>One connection's producer: writes its share of packets, one write at a time, as fast as the kernel takes them.</summary>
/// <remarks>
/// In → nothing: whatever the server sends is discarded. Out: buffers of packets, by a <see cref="PacketWriter"/>.
/// <para>
/// <b>One write at a time.</b> The channel's watermarks are 1 and 0, so that it is unwritable exactly while a write is on its way,
/// and <see cref="ChannelWritabilityChanged"/> says that it has been taken. The kernel's socket buffer is the queue; a second one in
/// front of it would add memory for each connection and no speed. So the packets sent are known to the byte.
/// </para>
/// <para>
/// <b>Turns.</b> A connection that finds the kernel willing makes at most <see cref="MostWritesPerTurn"/> writes or about
/// <see cref="MostBytesPerTurn"/> bytes, and then queues behind the other connections and the I/O of its loop.
/// </para>
/// Everything here runs on the channel's event loop.
/// </remarks>
internal sealed class SendingHandler : ChannelHandlerAdapter, IRunnable
{
    internal const int MostWritesPerTurn = 8;
    internal const int MostBytesPerTurn = 64 * 1024;

    private readonly LoadLoop _loop;
    private readonly PacketWriter _writer;
    private IChannelHandlerContext? _context;
    private ConnectionState _state = ConnectionState.Connecting;
    private long _connectStarted;
    private long _packetsLeft;
    private bool _turnQueued;
    private bool _inTurn;
    private Exception? _fault; // of reading, or of shutting down
    private ConnectionEnd? _end; // ours, when we chose it

    /// <summary>Makes the handler of one new connection.</summary>
    /// <param name="loop">The connection's event loop.</param>
    /// <param name="number">The connection's number in the run, from 0.</param>
    public SendingHandler(LoadLoop loop, int number)
    {
        _loop = loop;
        _writer = new PacketWriter(loop, number);
        Number = number;
    }

    /// <summary>The connection's number in the run, from 0.</summary>
    public int Number { get; }

    /// <summary>Connected, and waiting for <see cref="Start"/>.</summary>
    public bool IsWaiting => _state == ConnectionState.Waiting;

    /// <summary>Has something left to send, or to see taken.</summary>
    public bool IsBusy => _state is ConnectionState.Sending or ConnectionState.Flushing;

    /// <summary>Begins to send.</summary>
    /// <param name="packets">The connection's share, or <see cref="PacketShares.Endless"/>.</param>
    public void Start(long packets)
    {
        Debug.Assert(_state == ConnectionState.Waiting);
        _packetsLeft = packets;
        Become(ConnectionState.Sending);
        QueueTurn();
    }

    /// <summary>
    /// Ends the connection orderly: what is on its way is flushed, then comes the FIN. A connection still being made is given up.
    /// </summary>
    public void Finish()
    {
        switch (_state)
        {
            case ConnectionState.Connecting:
                Close(ConnectionEnd.Completed);
                break;
            case ConnectionState.Waiting or ConnectionState.Sending or ConnectionState.Idle:
                Become(ConnectionState.Flushing);
                QueueTurn();
                break;
        }
    }

    /// <summary>Closes the connection now, whatever is on its way.</summary>
    public void Abandon() => Close(_state == ConnectionState.Flushing ? ConnectionEnd.FlushTimedOut : ConnectionEnd.Completed);

    /// <inheritdoc/>
    public override void HandlerAdded(IChannelHandlerContext context)
    {
        _context = context;
        _loop.Add(this);
    }

    /// <inheritdoc/>
    public override Task ConnectAsync(IChannelHandlerContext context, EndPoint remoteAddress, EndPoint localAddress)
    {
        _connectStarted = _loop.Clock.GetTimestamp();
        return ConnectOrClose();

        async Task ConnectOrClose()
        {
            try
            {
                await context.ConnectAsync(remoteAddress, localAddress);
            }
            catch
            {
                // DotNetty leaves a channel open whose connect has failed, and its caller has no hold of it: 1 descriptor each.
                Observe(context.CloseAsync());
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public override void ChannelActive(IChannelHandlerContext context)
    {
        _loop.Counters.Connected(_loop.Clock.GetElapsedTime(_connectStarted));
        _state = ConnectionState.Waiting;
        _loop.Connected(this);
        context.FireChannelActive();
    }

    /// <inheritdoc/>
    public override void ChannelRead(IChannelHandlerContext context, object message) => ReferenceCountUtil.Release(message);

    /// <inheritdoc/>
    public override void ChannelWritabilityChanged(IChannelHandlerContext context)
    {
        // Also called in the middle of our own write, twice: there the turn that writes goes on by itself.
        if (!_inTurn && context.Channel.IsWritable)
        {
            QueueTurn();
        }

        context.FireChannelWritabilityChanged();
    }

    /// <inheritdoc/>
    public override void ExceptionCaught(IChannelHandlerContext context, Exception exception)
    {
        _fault ??= exception;
        Observe(context.CloseAsync());
    }

    /// <inheritdoc/>
    public override void ChannelInactive(IChannelHandlerContext context)
    {
        _writer.Settle();
        _writer.Release();
        _fault ??= _writer.Fault;
        ConnectionEnd end = _end ?? EndByOthers();
        _loop.Counters.Ended(end);
        Log(end);
        Become(ConnectionState.Ended);
        context.FireChannelInactive();
    }

    /// <inheritdoc/>
    public override void ChannelUnregistered(IChannelHandlerContext context)
    {
        Become(ConnectionState.Ended); // where the connection was never made, there was no ChannelInactive
        _loop.Remove(this);
        context.FireChannelUnregistered();
    }

    /// <summary>One turn: writes as long as the kernel takes everything, within the turn's bounds.</summary>
    public void Run()
    {
        _turnQueued = false;
        _inTurn = true;
        try
        {
            TakeTurn();
        }
        catch (Exception exception)
        {
            // A bug. The loop would log it and go on, and the run wait for this connection for ever.
            ExceptionCaught(_context!, exception);
        }

        _inTurn = false;
    }

    private void TakeTurn()
    {
        int bytes = 0;
        // A channel that has closed meanwhile says so by ChannelInactive, a task or two later.
        for (int writes = 0; _writer.Settle() && _context!.Channel.Active; writes++)
        {
            if (_state == ConnectionState.Sending && _packetsLeft == 0)
            {
                Become(ConnectionState.Idle);
            }
            else if (_state == ConnectionState.Flushing)
            {
                ShutDown();
            }

            if (_state != ConnectionState.Sending)
            {
                return;
            }

            if (writes == MostWritesPerTurn || bytes >= MostBytesPerTurn)
            {
                QueueTurn();
                return;
            }

            (int Packets, int Bytes) written = _writer.Write(_context, _packetsLeft);
            bytes += written.Bytes;
            if (_packetsLeft != PacketShares.Endless)
            {
                _packetsLeft -= written.Packets;
            }
        }
    }

    private void Become(ConnectionState next)
    {
        bool wasBusy = IsBusy;
        _state = next;
        if (IsBusy != wasBusy)
        {
            _loop.BusyChanged(wasBusy ? -1 : 1);
        }
    }

    private void QueueTurn()
    {
        if (!_turnQueued)
        {
            _turnQueued = true;
            _context!.Executor.Execute(this);
        }
    }

    private void ShutDown()
    {
        Become(ConnectionState.ShutDown);
        Observe(ShutDownOrClose());

        async Task ShutDownOrClose()
        {
            try
            {
                await _loop.ShutdownOutput(_context!.Channel);
            }
            catch (SocketException exception)
            {
                _fault ??= exception;
                await _context!.CloseAsync();
            }
        }
    }

    private void Close(ConnectionEnd end)
    {
        _end ??= end;
        Observe(_context!.CloseAsync());
    }

    /// <summary>How the connection ended, where it was not us who closed it.</summary>
    private ConnectionEnd EndByOthers()
    {
        SocketError? error = ((_fault as SocketException) ?? (_fault?.InnerException as SocketException))?.SocketErrorCode;
        return error switch
        {
            // Shutdown is EPIPE: a write after the reset. NotConnected is a FIN of ours after it.
            SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown or SocketError.NotConnected =>
                ConnectionEnd.ResetByServer,
            null when _fault is null or ClosedChannelException =>
                _state == ConnectionState.ShutDown ? ConnectionEnd.Completed : ConnectionEnd.ClosedByServer,
            _ => ConnectionEnd.Failed,
        };
    }

    private void Log(ConnectionEnd end)
    {
        if (end == ConnectionEnd.Failed && _fault is not SocketException)
        {
            LoadClientLog.ConnectionFailed(_loop.Logger, Number, _fault!);
        }
        else if (_fault is not null)
        {
            LoadClientLog.ConnectionEnded(_loop.Logger, Number, end, _fault.Message);
        }
    }

    /// <summary>For a task whose outcome other events tell: marks its exception as seen.</summary>
    private static void Observe(Task task) =>
        task.ContinueWith(
            done => _ = done.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
}
