using System.Net;
using System.Net.Sockets;
using DotNetty.Common.Concurrency;
using DotNetty.Common.Utilities;
using DotNetty.Handlers.Tls;
using DotNetty.Transport.Channels;
using TaskCompletionSource = System.Threading.Tasks.TaskCompletionSource;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>One connection of the load, from the connect call to the close. Runs on its event loop.</summary>
/// <remarks>A <see cref="PacketWriter"/> writes packets when the loop's <see cref="IPacing"/> gives a turn. Input is discarded.</remarks>
internal sealed class SendingHandler : ChannelHandlerAdapter, IRunnable
{
    private readonly LoadLoop _loop;
    private readonly PacketWriter _writer;
    private readonly TaskCompletionSource _established = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IChannelHandlerContext? _context;
    private Action<Task>? _whenSettled;
    private ConnectionState _state = ConnectionState.Connecting;
    private long _connectStarted;
    private long _packetsLeft;
    private Exception? _fault;
    private ConnectionEnd? _end; // if we end the connection

    public SendingHandler(LoadLoop loop, int number)
    {
        _loop = loop;
        _writer = new PacketWriter(loop, number);
        Number = number;
    }

    public int Number { get; }

    /// <summary>Complete when packets can be sent, after the TLS handshake if there is one.</summary>
    public Task Established => _established.Task;

    public bool IsWaiting => _state == ConnectionState.Waiting;
    public bool IsSending => _state == ConnectionState.Sending;
    public bool IsBusy => _state is ConnectionState.Sending or ConnectionState.Flushing;
    public bool IsWriting => _writer.IsWriting;
    public int NextPackets => (int)Math.Min(_packetsLeft, _loop.Packets.Tape.PacketsPerWrite); // of the next write
    public long WritesLeft => _packetsLeft == 0 ? 0 : ((_packetsLeft - 1) / _loop.Packets.Tape.PacketsPerWrite) + 1;

    public void Start(long packets)
    {
        _packetsLeft = packets;
        if (packets == 0)
        {
            Become(ConnectionState.Idle);
            return;
        }

        Become(ConnectionState.Sending);
        _loop.Pacing.Started(this);
    }

    /// <summary>Makes the writes that are due, and then sends the FIN. A pending connect is cancelled.</summary>
    public void Finish()
    {
        switch (_state)
        {
            case ConnectionState.Connecting:
                Close(ConnectionEnd.Completed);
                break;
            case ConnectionState.Waiting or ConnectionState.Sending or ConnectionState.Idle:
                bool owes = _loop.Pacing.Owed(this) > 0; // before the state changes, as only sending connections owe
                Become(ConnectionState.Flushing);
                if (!owes)
                {
                    MoveOn();
                }

                break;
        }
    }

    /// <summary>Closes the connection immediately.</summary>
    public void Abandon() => Close(_state switch
    {
        ConnectionState.Flushing => ConnectionEnd.FlushTimedOut,
        ConnectionState.ShutDown => ConnectionEnd.CloseTimedOut,
        _ => ConnectionEnd.Completed,
    });

    /// <summary>Starts a write, or continues the current one.</summary>
    public WriteOutcome TakeTurn(long due)
    {
        if (_writer.IsStuck || !IsBusy || _writer.Fault is not null)
        {
            return WriteOutcome.Nothing;
        }

        try
        {
            if (!_writer.IsWriting)
            {
                if (_packetsLeft == 0)
                {
                    return WriteOutcome.Nothing;
                }

                int packets = _writer.Begin(_packetsLeft, due);
                _packetsLeft -= _packetsLeft == PacketShares.Endless ? 0 : packets;
            }

            WriteOutcome outcome = _writer.Advance(_context!, _whenSettled ??= WhenSettled);
            if (outcome == WriteOutcome.Taken)
            {
                MoveOn();
            }

            return outcome;
        }
        catch (Exception exception)
        {
            // A bug: without this the run would wait for the connection until its deadline.
            ExceptionCaught(_context!, exception);
            return WriteOutcome.Nothing;
        }
    }

    /// <summary>Continues after a stuck write.</summary>
    void IRunnable.Run()
    {
        if (_writer.IsStuck && _writer.Settle())
        {
            MoveOn();
            if (IsBusy)
            {
                _loop.Pacing.Ready(this);
            }
        }
    }

    public override void HandlerAdded(IChannelHandlerContext context)
    {
        _context = context;
        _loop.Add(this);
    }

    public override Task ConnectAsync(IChannelHandlerContext context, EndPoint remoteAddress, EndPoint localAddress)
    {
        _connectStarted = _loop.Clock.Read();
        return ConnectOrClose();

        async Task ConnectOrClose()
        {
            try
            {
                await context.ConnectAsync(remoteAddress, localAddress);
            }
            catch
            {
                // DotNetty leaves the channel open after a failed connect, and its caller has no reference to close it.
                Observe(context.CloseAsync());
                throw;
            }
        }
    }

    public override void ChannelActive(IChannelHandlerContext context)
    {
        if (!_loop.IsEncrypted)
        {
            Establish();
        }

        context.FireChannelActive();
    }

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        switch (evt)
        {
            case TlsHandshakeCompletionEvent { IsSuccessful: true }:
                Establish();
                break;
            case TlsHandshakeCompletionEvent failed:
                _fault ??= failed.Exception.GetBaseException();
                Close(ConnectionEnd.Failed);
                break;
            default:
                context.FireUserEventTriggered(evt);
                break;
        }
    }

    public override void ChannelRead(IChannelHandlerContext context, object message) => ReferenceCountUtil.Release(message);

    public override void ExceptionCaught(IChannelHandlerContext context, Exception exception)
    {
        _fault ??= exception;
        Observe(context.CloseAsync());
    }

    public override void ChannelInactive(IChannelHandlerContext context)
    {
        _writer.Abandon();
        _fault ??= _writer.Fault;
        if (_state == ConnectionState.Connecting)
        {
            // The TLS handshake failed: a failed attempt and no connection.
            _established.TrySetException(_fault ?? new ClosedChannelException());
            context.FireChannelInactive();
            return;
        }

        _loop.Counters.Unsent(_loop.Pacing.Ended(this) * _loop.Packets.Tape.PacketsPerWrite);
        ConnectionEnd end = _end ?? ConnectionEnding.Of(_fault, _state);
        _loop.Counters.Ended(end, _writer.PacketsTaken, _writer.BytesTaken);
        Log(end);
        Become(ConnectionState.Ended);
        context.FireChannelInactive();
    }

    public override void ChannelUnregistered(IChannelHandlerContext context)
    {
        Become(ConnectionState.Ended); // here too, as a connection that was never made has no ChannelInactive
        _loop.Remove(this);
        context.FireChannelUnregistered();
    }

    private void Establish()
    {
        _loop.Counters.Connected(_loop.Clock.Between(_connectStarted, _loop.Clock.Read()));
        Become(ConnectionState.Waiting);
        _established.TrySetResult();
        _loop.Connected(this);
    }

    private void WhenSettled(Task written)
    {
        _ = written.Exception; // observed; the writer reads the task
        try
        {
            _context!.Executor.Execute(this);
        }
        catch (RejectedExecutionException)
        {
            // The loop has ended.
        }
    }

    /// <summary>Changes the state if the last write is done.</summary>
    private void MoveOn()
    {
        if (_writer.IsWriting)
        {
            return;
        }

        if (IsSending && _packetsLeft == 0)
        {
            Become(ConnectionState.Idle);
        }
        else if (_state == ConnectionState.Flushing && _loop.Pacing.Owed(this) == 0)
        {
            ShutDown();
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
            catch (Exception exception) when (exception is SocketException or IOException or ClosedChannelException)
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

    /// <summary>Marks a task's exception as observed; events of the channel report the outcome.</summary>
    private static void Observe(Task task) =>
        task.ContinueWith(
            done => _ = done.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
}
