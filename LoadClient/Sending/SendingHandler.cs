using System.Net;
using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Common.Concurrency;
using DotNetty.Common.Utilities;
using DotNetty.Handlers.Tls;
using DotNetty.Transport.Channels;
using DotNettyFraming.LoadClient.Acknowledging;
using TaskCompletionSource = System.Threading.Tasks.TaskCompletionSource;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>One connection of the load, from the connect call to its last close. Runs on its event loop.</summary>
/// <remarks>
/// A <see cref="PacketWriter"/> writes packets when the loop's <see cref="IPacing"/> gives a turn. Input is acknowledgements with
/// <c>--ack</c>, and is discarded otherwise. With <c>--reconnect</c> the same handler serves one channel after another.
/// </remarks>
internal sealed class SendingHandler : ChannelHandlerAdapter, IRunnable
{
    private readonly LoadLoop _loop;
    private readonly PacketWriter _writer;
    private readonly AckLedger? _ledger; // null without --ack
    private TaskCompletionSource _established = NewEstablished();
    private IChannelHandlerContext? _context;
    private Action<Task>? _whenSettled;
    private volatile ConnectionState _state = ConnectionState.Connecting;
    private bool _isUp; // established; with --reconnect it can be down in any state
    private bool _isLost; // dropped, and to be made again when its channel is unregistered
    private long _connectStarted;
    private long _share;
    private Exception? _fault;
    private ConnectionEnd? _end; // if we end the connection

    public SendingHandler(LoadLoop loop, int number)
    {
        _loop = loop;
        _writer = new PacketWriter(loop, number);
        _ledger = loop.Acknowledges ? new AckLedger(loop.Header, loop.Counters, loop.Clock) : null;
        Number = number;
    }

    /// <inheritdoc/>
    public override bool IsSharable => true; // for the next channel, after the last one is gone

    public int Number { get; }

    /// <summary>Complete when packets can be sent, after the TLS handshake if there is one.</summary>
    public Task Established => _established.Task;

    public int Attempts { get; set; } // to make the connection again since its last progress. Any thread, while it is down

    public bool IsOver => _state == ConnectionState.Ended; // any thread
    public bool IsWaiting => _state == ConnectionState.Waiting;
    public bool IsSending => _state == ConnectionState.Sending;
    public bool IsBusy => _state is ConnectionState.Sending or ConnectionState.Flushing;
    public bool IsWriting => _writer.IsWriting;
    public bool MustResend => _writer.MustResend;
    public bool CanWrite => _isUp && IsBusy && !_writer.IsStuck && _writer.Fault is null;
    public int NextPackets => (int)Math.Min(PacketsLeft, _loop.Packets.Tape.PacketsPerWrite); // of the next write of new packets
    public long WritesLeft => PacketsLeft == 0 ? 0 : ((PacketsLeft - 1) / _loop.Packets.Tape.PacketsPerWrite) + 1;
    public AckLine Line => new(_ledger?.Acknowledged ?? 0, _writer.Sent);

    private long PacketsLeft => _share == PacketShares.Endless ? _share : _share - _writer.Started;

    /// <summary>Prepares for a new channel. Any thread, while the connection is down.</summary>
    public void Prepare() => _established = NewEstablished();

    public void Start(long packets)
    {
        _share = packets;
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
    public void Abandon()
    {
        if (_state != ConnectionState.Connecting && !_isUp)
        {
            EndWhileDown();
        }

        Close(_state switch
        {
            ConnectionState.Flushing => ConnectionEnd.FlushTimedOut,
            ConnectionState.ShutDown => ConnectionEnd.CloseTimedOut,
            _ => ConnectionEnd.Completed,
        });
    }

    /// <summary>Starts a write, or continues the current one.</summary>
    public WriteOutcome TakeTurn(long due)
    {
        if (!CanWrite)
        {
            return WriteOutcome.Nothing;
        }

        try
        {
            if (!_writer.IsWriting)
            {
                if (!MustResend && PacketsLeft == 0)
                {
                    return WriteOutcome.Nothing;
                }

                long started = _writer.Started;
                _writer.Begin(PacketsLeft, due);
                if (_writer.Started > started)
                {
                    _ledger?.Begin(_writer.Started, due);
                }
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
        if (_writer.CanSettle && _writer.Settle())
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

    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        if (_ledger is not null && _end is null && message is IByteBuffer input)
        {
            ReadAcknowledgements(input);
        }

        ReferenceCountUtil.Release(message);
    }

    public override void ExceptionCaught(IChannelHandlerContext context, Exception exception)
    {
        _fault ??= exception;
        Observe(context.CloseAsync());
    }

    public override void ChannelInactive(IChannelHandlerContext context)
    {
        _writer.Abandon();
        _fault ??= _writer.Fault;
        if (!_isUp)
        {
            // The TLS handshake failed: a failed attempt and no connection.
            _established.TrySetException(_fault ?? new ClosedChannelException());
            (_fault, _end) = (null, null);
        }
        else
        {
            _isUp = false;
            ConnectionEnd end = _end ?? ConnectionEnding.Of(_fault, _state);
            _loop.Counters.Ended(end, _writer.PacketsTaken, _writer.BytesTaken);
            Log(end);
            Drop();
        }

        context.FireChannelInactive();
    }

    public override void ChannelUnregistered(IChannelHandlerContext context)
    {
        if (_isLost)
        {
            _isLost = false;
            _loop.Reconnect!(this);
        }
        else if (_state is ConnectionState.Connecting or ConnectionState.Ended)
        {
            End(); // here too, as a connection that was never made has no ChannelInactive
        }

        context.FireChannelUnregistered();
    }

    private static TaskCompletionSource NewEstablished() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Establish()
    {
        TimeSpan latency = _loop.Clock.Between(_connectStarted, _loop.Clock.Read());
        _isUp = true;
        switch (_state)
        {
            case ConnectionState.Connecting:
                _loop.Counters.Connected(latency);
                Become(ConnectionState.Waiting);
                _established.TrySetResult();
                _loop.Connected(this);
                return;
            case ConnectionState.Ended:
                Close(ConnectionEnd.Completed); // abandoned while it was being made
                break;
        }

        _loop.Counters.Reconnected(latency);
        _established.TrySetResult();
        if (IsBusy)
        {
            _loop.Pacing.Ready(this);
            MoveOn();
        }
    }

    private void ReadAcknowledgements(IByteBuffer input)
    {
        byte[] copy = input.HasArray ? [] : new byte[input.ReadableBytes];
        input.GetBytes(input.ReaderIndex, copy);
        ReadOnlySpan<byte> bytes = input.HasArray
            ? input.Array.AsSpan(input.ArrayOffset + input.ReaderIndex, input.ReadableBytes)
            : copy;
        _loop.Clock.Read();
        if (_ledger!.Read(bytes, _writer) is string fault)
        {
            _loop.AckFault ??= $"connection {Number}: {fault}";
            Close(ConnectionEnd.WrongAcknowledgement);
        }

        _writer.Confirm(_ledger.Acknowledged);
    }

    /// <summary>Ends the connection after its channel has closed, or lets it be made again.</summary>
    private void Drop()
    {
        if (_end is null && _loop.Reconnect is not null)
        {
            Attempts = (_ledger?.HasProgress ?? _writer.PacketsTaken > 0) ? 0 : Attempts;
            _ledger?.Reopen();
            _writer.Rewind(_ledger?.Acknowledged ?? _writer.Sent);
            _isLost = _state is not (ConnectionState.Flushing or ConnectionState.ShutDown) || MustResend || _loop.Pacing.Owed(this) > 0;
        }

        if (!_isLost)
        {
            _loop.Counters.Unsent(_loop.Pacing.Ended(this) * _loop.Packets.Tape.PacketsPerWrite);
            Become(ConnectionState.Ended);
            return;
        }

        _fault = null;
        if (_state == ConnectionState.ShutDown)
        {
            Become(ConnectionState.Flushing);
        }
        else if (_state == ConnectionState.Idle && MustResend)
        {
            Become(ConnectionState.Sending);
        }
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
        if (_writer.IsWriting || MustResend)
        {
            return;
        }

        if (IsSending && PacketsLeft == 0)
        {
            Become(ConnectionState.Idle);
        }
        else if (_state == ConnectionState.Flushing && _loop.Pacing.Owed(this) == 0)
        {
            if (_isUp)
            {
                ShutDown();
            }
            else
            {
                EndWhileDown();
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

    private void End()
    {
        if (_state != ConnectionState.Ended)
        {
            _loop.Counters.Unsent(_loop.Pacing.Ended(this) * _loop.Packets.Tape.PacketsPerWrite);
            Become(ConnectionState.Ended);
        }

        _loop.Remove(this);
    }

    private void EndWhileDown()
    {
        _loop.Counters.Lost();
        End();
    }

    private void ShutDown()
    {
        Become(ConnectionState.ShutDown);
        Observe(ShutDownOrClose(_context!));

        async Task ShutDownOrClose(IChannelHandlerContext context)
        {
            try
            {
                await _loop.ShutdownOutput(context.Channel);
            }
            catch (Exception exception) when (exception is SocketException or IOException or ClosedChannelException)
            {
                _fault ??= exception;
                await context.CloseAsync();
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
