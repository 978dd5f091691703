using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Common.Concurrency;
using DotNetty.Common.Utilities;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.LoadClient;

/// <summary>One connection's producer: writes its share of packets, one write at a time, as fast as the kernel takes them.</summary>
/// <remarks>
/// In → nothing: whatever the server sends is discarded. Out: <see cref="IByteBuffer"/> views of the loop's <see cref="StampedPackets"/>.
/// <para>
/// <b>One write at a time.</b> The channel's watermarks are 1 and 0, so that it is unwritable exactly while a write is on its way,
/// and <see cref="ChannelWritabilityChanged"/> says that it has been taken. The kernel's socket buffer is the queue; a second one in
/// front of it would add memory for each connection and no speed. So the packets sent are known to the byte, and a write costs no
/// continuation: the task that DotNetty makes for it is only looked at.
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
    private IChannelHandlerContext? _context;
    private State _state = State.Connecting;
    private long _connectStarted;
    private long _packetsLeft;
    private int _start; // of the next write, on the tape
    private bool _turnQueued;
    private bool _inTurn;
    private Exception? _fault;
    private ConnectionEnd? _end; // ours, when we chose it

    // The write on its way, if there is one: what it holds, and the task by which DotNetty tells how it went.
    private Task? _write;
    private int _writePackets;
    private int _writeFrom;
    private StampedPackets.Copy? _copy;
    private IByteBuffer? _view;

    /// <summary>Makes the handler of one new connection.</summary>
    /// <param name="loop">The connection's event loop.</param>
    /// <param name="number">The connection's number in the run, from 0.</param>
    public SendingHandler(LoadLoop loop, int number)
    {
        _loop = loop;
        Number = number;
        _start = loop.Packets.Tape.StartOf(number);
    }

    private enum State
    {
        /// <summary>Not yet connected.</summary>
        Connecting,

        /// <summary>Connected, and not told to send.</summary>
        Waiting,

        /// <summary>Sending its share.</summary>
        Sending,

        /// <summary>Has sent its share, and stays open.</summary>
        Idle,

        /// <summary>Told to finish, while a write is on its way.</summary>
        Flushing,

        /// <summary>Has sent its FIN and waits for the server's.</summary>
        ShutDown,

        /// <summary>Closed and counted.</summary>
        Ended,
    }

    /// <summary>The connection's number in the run, from 0.</summary>
    public int Number { get; }

    /// <summary>Connected, and waiting for <see cref="Start"/>.</summary>
    public bool IsWaiting => _state == State.Waiting;

    /// <summary>Has something left to send, or to see taken.</summary>
    public bool IsBusy => _state is State.Sending or State.Flushing;

    /// <summary>Begins to send.</summary>
    /// <param name="packets">The connection's share, or <see cref="PacketShares.Endless"/>.</param>
    public void Start(long packets)
    {
        Debug.Assert(_state == State.Waiting);
        _packetsLeft = packets;
        Become(State.Sending);
        QueueTurn();
    }

    /// <summary>Ends the connection orderly: what is on its way is flushed, then comes the FIN. A connection still being made is given up.</summary>
    public void Finish()
    {
        switch (_state)
        {
            case State.Connecting:
                Close(ConnectionEnd.Completed);
                break;
            case State.Waiting or State.Sending or State.Idle:
                Become(State.Flushing);
                QueueTurn();
                break;
        }
    }

    /// <summary>Closes the connection now, whatever is on its way.</summary>
    public void Abandon() => Close(_state == State.Flushing ? ConnectionEnd.FlushTimedOut : ConnectionEnd.Completed);

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
        _state = State.Waiting;
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
        Settle();
        State last = _state;
        _view = null;
        _copy = null;
        _loop.Counters.Ended(_end ?? EndOf(last));
        Become(State.Ended);
        context.FireChannelInactive();
    }

    /// <inheritdoc/>
    public override void ChannelUnregistered(IChannelHandlerContext context)
    {
        Become(State.Ended); // where the connection was never made, there was no ChannelInactive
        _loop.Remove(this);
        context.FireChannelUnregistered();
    }

    /// <summary>One turn: writes as long as the kernel takes everything, within the turn's bounds.</summary>
    public void Run()
    {
        _turnQueued = false;
        _inTurn = true;
        int bytes = 0;
        // A channel that has closed meanwhile says so by ChannelInactive, a task or two later.
        for (int writes = 0; Settle() && _context!.Channel.Active; writes++)
        {
            if (_state == State.Sending && _packetsLeft == 0)
            {
                Become(State.Idle);
            }
            else if (_state == State.Flushing)
            {
                ShutDown();
            }

            if (_state != State.Sending)
            {
                break;
            }

            if (writes == MostWritesPerTurn || bytes >= MostBytesPerTurn)
            {
                QueueTurn();
                break;
            }

            bytes += Write();
        }

        _inTurn = false;
    }

    private void Become(State next)
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

    /// <summary>Hands the next stretch of packets to the channel.</summary>
    /// <returns>Its bytes.</returns>
    private int Write()
    {
        PacketTape tape = _loop.Packets.Tape;
        StampedPackets.Copy copy = _loop.Packets.At((uint)_loop.Clock.GetUtcNow().ToUnixTimeSeconds());
        if (copy != _copy)
        {
            _copy = copy;
            _view = copy.NewView();
        }

        _writePackets = (int)Math.Min(tape.PacketsPerWrite, _packetsLeft);
        _writeFrom = _start;
        int begin = tape.Offsets[_start];
        int end = tape.Offsets[_start + _writePackets];
        _start = (_start + _writePackets) % tape.Starts;
        if (_packetsLeft != PacketShares.Endless)
        {
            _packetsLeft -= _writePackets;
        }

        _view!.SetIndex(begin, end);
        _view.Retain();
        _write = _context!.WriteAsync(_view);
        _context.Flush();
        return end - begin;
    }

    /// <summary>Counts the write on its way, if the channel is done with it.</summary>
    /// <returns>Whether nothing is on its way.</returns>
    private bool Settle()
    {
        if (_write is null)
        {
            return true;
        }

        if (!_write.IsCompleted)
        {
            return false;
        }

        ReadOnlySpan<int> offsets = _loop.Packets.Tape.Offsets;
        int begin = offsets[_writeFrom];
        if (_write.IsCompletedSuccessfully)
        {
            _loop.Counters.Taken(_writePackets, offsets[_writeFrom + _writePackets] - begin);
            _loop.WriteSettled();
        }
        else
        {
            // The channel moves the reader index over what the kernel took. A send that the socket transport had under way says no more.
            _fault ??= _write.Exception!.GetBaseException();
            int taken = _view!.ReaderIndex;
            int whole = _loop.Packets.Tape.WholePacketsBefore(_writeFrom, taken);
            _loop.Counters.Taken(whole, taken - begin);
            _loop.Counters.Unconfirmed(_writePackets - whole);
        }

        _write = null;
        return true;
    }

    private void ShutDown()
    {
        Become(State.ShutDown);
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
    private ConnectionEnd EndOf(State last)
    {
        SocketError? error = ((_fault as SocketException) ?? (_fault?.InnerException as SocketException))?.SocketErrorCode;
        return error switch
        {
            // Shutdown is EPIPE: a write after the reset. NotConnected is a FIN of ours after it.
            SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown or SocketError.NotConnected =>
                ConnectionEnd.ResetByServer,
            null when _fault is null or ClosedChannelException =>
                last == State.ShutDown ? ConnectionEnd.Completed : ConnectionEnd.ClosedByServer,
            _ => ConnectionEnd.Failed,
        };
    }

    /// <summary>For a task whose outcome other events tell: marks its exception as seen.</summary>
    private static void Observe(Task task) =>
        task.ContinueWith(
            done => _ = done.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
}
