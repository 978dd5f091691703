using System.Runtime.InteropServices;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Transport.EventLoops;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport;

/// <content>
/// Reading. In the steady state one wake-up is one recv and no epoll_ctl: EPOLLIN stays watched. When AutoRead is turned off,
/// EPOLLIN is removed only at the next unwanted event, so that short pauses cost no system call.
/// </content>
public sealed partial class EpollSocketChannel
{
    /// <summary>The consecutive receives on a broken connection: nothing new arrives, and the kernel's buffer bounds the rest.</summary>
    private const int ReceivesPerTurn = 16;

    /// <summary>The result of one receive.</summary>
    private enum Received
    {
        /// <summary>Bytes, passed down the pipeline.</summary>
        Data,

        /// <summary>EAGAIN.</summary>
        Nothing,

        /// <summary>The peer's FIN, or an error.</summary>
        End,
    }

    /// <summary>The errno that ended the connection; 0 = not ended.</summary>
    /// <remarks>
    /// The kernel reports it once; then a send says EPIPE and a receive says "end". So it is kept for the write or read that
    /// reports it to the pipeline. EPIPE is a reset behind the peer's FIN.
    /// </remarks>
    private int _lostBy;

    /// <summary>Whether a read was requested and has not happened yet.</summary>
    private bool _readPending;

    /// <summary>Whether AutoRead requested the read, so that turning AutoRead off cancels it.</summary>
    private bool _readIsAutomatic;

    /// <summary>Whether the peer's FIN has been read or the channel is closed.</summary>
    private bool _inputShutdown;

    /// <summary>The pipeline's first handler at the first prefetch; used for prefetching alone. Forgotten once it is removed.</summary>
    private IChannelHandlerContext? _firstContext;

    /// <summary>Whether the peer has finished sending. The loop's thread.</summary>
    public bool IsInputShutdown => _inputShutdown;

    /// <summary>The unread bytes in the kernel (FIONREAD); 0 when the channel is closed. Any thread; a system call.</summary>
    public int AvailableBytes => _socket.AvailableBytes;

    /// <summary>Whether a read is wanted now.</summary>
    /// <remarks>
    /// Checked on the loop before each dispatch. So a thread that turns AutoRead off has nothing to marshal, and an event that
    /// already waits in the batch is not dispatched.
    /// </remarks>
    private bool ReadIsWanted => _readPending && (!_readIsAutomatic || _configuration.AutoRead);

    /// <summary>Requests a read. The pipeline's head calls it after every read, so it is cheap when nothing changes.</summary>
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

    void IEpollChannel.Prefetch()
    {
        ChannelTable.Prefetch(_configuration, cacheLines: 2);
        ChannelTable.Prefetch(Pipeline, cacheLines: 1);
        ChannelTable.Prefetch(Unsafe, cacheLines: 1);
        ChannelTable.Prefetch(_firstContext ??= Pipeline.FirstContext(), cacheLines: 2);
    }

    private void OnReadable()
    {
        if (_inputShutdown || !ReadIsWanted)
        {
            _readPending = false;
            Watch(Watched & ~LibC.EPOLLIN);
            return;
        }

        // One receive. After a short read the kernel has no more; after a full one epoll reports the channel again, behind the others.
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

    /// <summary>Receives into a buffer of the allocator that the user has set.</summary>
    private Received Receive(IRecvByteBufAllocatorHandle allocator, out int errno)
    {
        IByteBuffer buffer = allocator.Allocate(_configuration.Allocator);
        allocator.AttemptedBytesRead = buffer.WritableBytes;
        nint count = Receive(buffer);
        allocator.LastBytesRead = (int)Math.Max(0, count);
        if (count > 0)
        {
            _readPending = false;
            allocator.IncMessagesRead(1);
            Pipeline.FireChannelRead(buffer.SetWriterIndex((int)count));
            errno = 0;
            return Received.Data;
        }

        errno = count < 0 ? Marshal.GetLastPInvokeError() : _lostBy;
        buffer.Release();
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

    /// <summary>Handles the peer's FIN. It keeps the socket readable, so EPOLLIN is no longer watched.</summary>
    /// <remarks>EPOLLRDHUP is never watched: it says nothing that recv's 0 does not say.</remarks>
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
            // A reset behind the FIN that epoll has already reported: no event would close the channel.
            DrainSoon();
        }
    }

    /// <summary>Closes a lost connection: reset, timed out, unreachable.</summary>
    /// <remarks>A reset behind the peer's FIN is not an error: the input was complete.</remarks>
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

    /// <summary>Handles EPOLLERR and EPOLLHUP.</summary>
    /// <remarks>
    /// Bytes that arrived before a reset are still readable and go first. A paused channel keeps them until it reads, and fails
    /// its writes now. Without such bytes it closes immediately.
    /// </remarks>
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
            // Both directions have ended without an error. An unread FIN waits for the next read.
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

    /// <summary>Returns the errno that ended the connection, from the kernel if it is not known yet.</summary>
    private int TakeError() => _lostBy != 0 ? _lostBy : _lostBy = _socket.GetOption(LibC.SOL_SOCKET, LibC.SO_ERROR);

    /// <summary>Receives at most the given number of times, until a handler stops reading; then "read complete", then the end.</summary>
    private Received ReceiveTurn(int receives)
    {
        Received last;
        int errno;
        bool any = false;
        IRecvByteBufAllocatorHandle? allocator = _configuration.HasAllocator ? Unsafe.RecvBufAllocHandle : null;
        allocator?.Reset(_configuration);
        do
        {
            bool automatic = _readIsAutomatic;
            last = allocator is null ? Receive(out errno) : Receive(allocator, out errno);
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
        while (--receives > 0 || allocator is not null && allocator.ContinueReading());

        allocator?.ReadComplete();
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

    /// <summary>Drains a lost connection as a task: the remaining input goes down the pipeline, then the channel closes.</summary>
    private void DrainSoon() => EventLoop.Execute(static channel => ((EpollSocketChannel)channel).Drain(), this);

    private void Drain()
    {
        if (!_registration.IsAttached || !EventLoop.InEventLoop)
        {
            // The channel moves to another loop, which drains it.
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
