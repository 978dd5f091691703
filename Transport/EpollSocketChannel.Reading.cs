using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
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

        /// <summary>The peer's FIN, or an error.</summary>
        End,
    }

    /// <summary>The errno by which the connection was lost; 0 = it is not.</summary>
    /// <remarks>
    /// The kernel reports it once. After that a send says EPIPE and a receive says "end", so it is kept for the write or the read
    /// that tells the pipeline. EPIPE is a reset behind the peer's FIN.
    /// </remarks>
    private int _lostBy;

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
        if (_lostBy != 0)
        {
            DrainSoon();
        }
        else if ((_registration.Watched & LibC.EPOLLIN) == 0)
        {
            Watch(Watched | LibC.EPOLLIN);
        }
    }

    private void OnReadable()
    {
        if (_inputShutdown || !ReadIsWanted)
        {
            _readPending = false;
            Watch(Watched & ~LibC.EPOLLIN);
            return;
        }

        // One receive. A short read means that the kernel had no more; a full one is reported again, after the others.
        ReceiveTurn(1);
    }

    private Received Receive(out int errno)
    {
        ReceiveBuffer receive = _registration.Loop.ReceiveBuffer;
        IByteBuffer buffer = receive.Rent();
        nint count = Receive(buffer);
        if (count > 0)
        {
            _readPending = false;
            Pipeline.FireChannelRead(receive.Lend(buffer, (int)count));
            receive.Return(buffer);
            errno = 0;
            return Received.Data;
        }

        errno = count < 0 ? Marshal.GetLastPInvokeError() : _lostBy;
        receive.ReturnUnused(buffer);
        return errno == Errno.EAGAIN ? Received.Nothing : Received.End;
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
        if (_writeFailure is not null || !_configuration.AllowHalfClosure)
        {
            Transport.CloseNow();
            return;
        }

        Watch(Watched & ~LibC.EPOLLIN);
        Pipeline.FireUserEventTriggered(ChannelInputShutdownEvent.Instance);
        if (_lostBy != 0)
        {
            // Reset behind the FIN, and reported already: no event would close it.
            DrainSoon();
        }
    }

    /// <summary>The connection is gone: reset, timed out, unreachable.</summary>
    /// <remarks>A reset behind the peer's FIN is no error: the input was complete.</remarks>
    private void Break(int errno)
    {
        Exception cause = SocketErrors.OfConnection(errno);
        _writeFailure ??= new ClosedChannelException("connection lost", cause);
        if (errno != Errno.EPIPE)
        {
            Pipeline.FireExceptionCaught(cause);
        }

        Transport.CloseNow(_writeFailure);
    }

    /// <summary>
    /// EPOLLERR or EPOLLHUP. Bytes that arrived before a reset are still readable, so they go first. A channel that does not
    /// read keeps them until it does, and fails its writes now; without such bytes there is nothing to wait for.
    /// </summary>
    private void OnBroken()
    {
        if (!_inputShutdown && ReadIsWanted)
        {
            if (ReceiveTurn(ReceivesPerTurn) == Received.Nothing)
            {
                int errno = TakeError();
                Break(errno == 0 ? Errno.ECONNRESET : errno);
            }

            return;
        }

        _readPending = false;
        int lostBy = TakeError();
        if (lostBy == 0)
        {
            // Both directions have ended in good order. A FIN that was not read yet waits for the next read.
            Watch(0);
        }
        else if (_inputShutdown || (lostBy != Errno.EPIPE && AvailableBytes == 0))
        {
            Break(lostBy);
        }
        else
        {
            Transport.FlushNow();
            Watch(0);
        }
    }

    /// <summary>The errno by which the connection was lost, from the kernel if it is not known yet.</summary>
    private int TakeError() => _lostBy != 0 ? _lostBy : _lostBy = _socket.GetOption(LibC.SOL_SOCKET, LibC.SO_ERROR);

    /// <summary>
    /// Receives what is there, up to so many times or until a handler wants no more. Data is followed by "read complete",
    /// and only then by the end.
    /// </summary>
    private Received ReceiveTurn(int receives)
    {
        Received last;
        int errno;
        bool any = false;
        do
        {
            bool automatic = _readIsAutomatic;
            last = Receive(out errno);
            if (last != Received.Data)
            {
                break;
            }

            any = true;
            if (!Open || _inputShutdown || !(automatic && _configuration.AutoRead))
            {
                break;
            }
        }
        while (--receives > 0);

        if (any && Open)
        {
            Pipeline.FireChannelReadComplete();
        }

        if (last == Received.End && Open)
        {
            if (errno is 0 or Errno.EPIPE)
            {
                EndOfInput();
            }
            else
            {
                Break(errno);
            }
        }

        return last;
    }

    /// <summary>The connection is lost: what the peer had sent before is still handed down, then the channel closes.</summary>
    private void DrainSoon() => EventLoop.Execute(static channel => ((EpollSocketChannel)channel).Drain(), this);

    private void Drain()
    {
        if (!_registration.IsAttached || !EventLoop.InEventLoop)
        {
            // On its way to another loop, which drains it.
            return;
        }

        try
        {
            if (Open && (_inputShutdown || (ReadIsWanted && ReceiveTurn(ReceivesPerTurn) == Received.Nothing)))
            {
                Break(_lostBy);
            }
        }
        catch (Exception e)
        {
            Transport.Fail(e);
        }
    }
}
