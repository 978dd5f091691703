using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <content>
/// Reading. In the steady state one wake-up is one recv and no epoll_ctl: EPOLLIN stays watched for as long as reads
/// are wanted. When they are not (AutoRead off), nothing happens until an event comes that nobody wants; only then is
/// it taken out of epoll. So short pauses, the common ones, cost nothing.
/// </content>
public sealed partial class EpollSocketChannel
{
    /// <summary>Receives in a row for a connection that has broken: nothing new can arrive, and what is there is bounded by the kernel's buffer.</summary>
    private const int ReceivesPerTurn = 16;

    /// <summary>What one receive came to.</summary>
    private enum Received
    {
        /// <summary>Bytes, and they went down the pipeline.</summary>
        Data,

        /// <summary>Nothing there.</summary>
        Nothing,

        /// <summary>The peer's FIN, or an error: it has been dealt with.</summary>
        End,
    }

    /// <summary>A read was asked for and has not happened yet.</summary>
    private bool _readPending;

    /// <summary>It was asked for while AutoRead was on, so turning AutoRead off takes it back.</summary>
    private bool _readIsAutomatic;

    /// <summary>The peer's FIN has been read, or the channel is closed: recv is over.</summary>
    private bool _inputShutdown;

    /// <summary>Whether the peer has finished sending. The loop's thread.</summary>
    public bool IsInputShutdown => _inputShutdown;

    /// <summary>
    /// Bytes that the kernel holds for this channel and that were not received yet; 0 when it is closed. Any thread;
    /// a system call. With it, a server that drains knows when a connection has handed over all that had arrived.
    /// </summary>
    public int AvailableBytes => _socket.AvailableBytes;

    /// <summary>
    /// Looked at when it matters, on the loop, whichever thread turned AutoRead off: so nothing has to be marshalled,
    /// and an event that was already waiting in the batch is not dispatched against the caller's wish.
    /// </summary>
    private bool ReadIsWanted => _readPending && (!_readIsAutomatic || _configuration.AutoRead);

    /// <summary>Called after every read by the pipeline's head, so it has to be cheap when nothing changes.</summary>
    protected override void DoBeginRead()
    {
        if (_inputShutdown)
        {
            return;
        }

        _readPending = true;
        _readIsAutomatic = _configuration.AutoRead;
        if (_writeFailure is not null)
        {
            DrainSoon();
        }
        else if ((_registration.Watched & LibC.EPOLLIN) == 0)
        {
            _registration.Watch(_registration.Watched | LibC.EPOLLIN);
        }
    }

    private void OnReadable()
    {
        if (_inputShutdown || !ReadIsWanted)
        {
            _readPending = false;
            _registration.Watch(_registration.Watched & ~LibC.EPOLLIN);
            return;
        }

        // One receive. A short read means that the kernel had no more; a full one is reported again, after the others.
        if (Receive() == Received.Data && Open)
        {
            Pipeline.FireChannelReadComplete();
        }
    }

    private Received Receive()
    {
        ReceiveBuffer receive = _registration.Loop.ReceiveBuffer;
        IByteBuffer buffer = receive.Rent();
        nint count = Receive(buffer);
        if (count > 0)
        {
            _readPending = false;
            Pipeline.FireChannelRead(receive.Lend(buffer, (int)count));
            receive.Return(buffer);
            return Received.Data;
        }

        int errno = count < 0 ? Marshal.GetLastPInvokeError() : ErrnoHeardByDirectSend;
        receive.ReturnUnused(buffer);
        if (errno == Errno.EAGAIN)
        {
            return Received.Nothing;
        }

        if (errno == 0)
        {
            EndOfInput();
        }
        else
        {
            Break(errno);
        }

        return Received.End;
    }

    private unsafe nint Receive(IByteBuffer buffer)
    {
        fixed (byte* bytes = &buffer.GetPinnableMemoryAddress())
        {
            nint count;
            do
            {
                count = LibC.Receive(_registration.Descriptor, bytes, (nuint)buffer.Capacity, 0);
            }
            while (count < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);

            return count;
        }
    }

    /// <summary>
    /// The peer's FIN. It keeps the socket readable for ever, so it is no longer watched for. (EPOLLRDHUP is never
    /// watched for: it says nothing that recv's 0 does not say.)
    /// </summary>
    private void EndOfInput()
    {
        _inputShutdown = true;
        _readPending = false;
        _registration.Watch(_registration.Watched & ~LibC.EPOLLIN);
        if (_writeFailure is not null || !_configuration.AllowHalfClosure)
        {
            Transport.CloseNow();
        }
        else
        {
            Pipeline.FireUserEventTriggered(ChannelInputShutdownEvent.Instance);
        }
    }

    /// <summary>The connection is gone: reset, timed out, unreachable.</summary>
    private void Break(int errno)
    {
        Pipeline.FireExceptionCaught(ToException(errno));
        Transport.CloseNow(ToException(errno));
    }

    /// <summary>
    /// EPOLLERR or EPOLLHUP. Bytes that arrived before a reset are still readable, so they go first, and the writes
    /// fail after them. Neither event can be masked: a channel that does not read leaves epoll altogether, and finds
    /// out when it reads again.
    /// </summary>
    private void OnBroken()
    {
        if (!_inputShutdown && ReadIsWanted)
        {
            if (ReceiveTurn() == Received.Nothing)
            {
                int errno = _socket.GetOption(LibC.SOL_SOCKET, LibC.SO_ERROR);
                Break(errno == 0 ? Errno.ECONNRESET : errno);
            }

            return;
        }

        _readPending = false;
        Transport.FlushNow();
        _registration.Watch(0);
    }

    /// <summary>Receives what is there, up to <see cref="ReceivesPerTurn"/> times or until a handler wants no more.</summary>
    private Received ReceiveTurn()
    {
        var last = Received.Data;
        bool any = false;
        for (int i = 0; i < ReceivesPerTurn && last == Received.Data; i++)
        {
            bool automatic = _readIsAutomatic;
            last = Receive();
            any |= last == Received.Data;
            if (last == Received.Data && (!Open || _inputShutdown || !(automatic && _configuration.AutoRead)))
            {
                break;
            }
        }

        if (any && Open)
        {
            Pipeline.FireChannelReadComplete();
        }

        return last;
    }

    /// <summary>Writing has failed: what the peer had sent before is still handed down, then the channel closes.</summary>
    private void DrainSoon() => EventLoop.Execute(static channel => ((EpollSocketChannel)channel).Drain(), this);

    private void Drain()
    {
        if (!Open || !_registration.IsAttached || !EventLoop.InEventLoop)
        {
            // Closed, or on its way to another loop, which drains it.
            return;
        }

        if (_inputShutdown)
        {
            Transport.CloseNow(_writeFailure!);
        }
        else if (ReadIsWanted && ReceiveTurn() == Received.Nothing)
        {
            Transport.CloseNow(_writeFailure!);
        }
    }
}
