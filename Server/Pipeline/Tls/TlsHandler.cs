using System.Diagnostics.CodeAnalysis;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>
/// Encryption, by .NET's SslStream. In: <see cref="IByteBuffer"/>, encrypted → Out: the decrypted bytes of each read in one buffer.
/// Gives <see cref="CloseReason.TlsFailed"/>, by the sweep <see cref="CloseReason.TlsTimeout"/>, and at the peer's close_notify
/// <see cref="CloseReason.PeerClosed"/>. Sends close_notify when the channel closes.
/// </summary>
/// <remarks>
/// <code>
/// read --> TlsRecords --whole records--> TlsStream --> SslStream --> TlsHandler --> next handler
///          holds the start of a record                 holds nothing between two reads
/// </code>
/// <para>SslStream gets all whole records of a read and has decrypted them when <see cref="TlsStream.Supply"/> returns, so no state lies
/// between "read" and "decrypted". DotNetty's handler of this name has such states, and fails in them (docs/design.md).</para>
/// <para>With client certificates, the steps of a handshake that bring them run on another thread (<see cref="TlsRules.Verify"/>). It owns
/// records and streams meanwhile; the connection is paused. Threads otherwise: its channel's event loop.</para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "A handler is not disposed; its streams are released when its channel ends.")]
internal sealed class TlsHandler(Connection connection, TlsRules rules) : ChannelHandlerAdapter
{
    private readonly TlsRecords _records = new();
    private readonly TlsMemory _memory = new(connection, rules.Verify is not null);
    private TlsStream? _stream;
    private TlsHandshake? _handshake;
    private TlsDecryption? _decryption;

    /// <summary>What arrived while a step of the handshake is on another thread, and its size.</summary>
    private Queue<IByteBuffer>? _later;
    private int _laterBytes;
    private ChannelInputShutdownEvent? _laterEnd;

    /// <summary>SslStream must not be used any more.</summary>
    private bool _isOver;

    /// <summary>Memory held: the start of a record, and what a handshake keeps.</summary>
    public int HeldBytes => _memory.HeldBytes;

    /// <summary>Whether another thread owns streams and records, to verify the client's certificates.</summary>
    public bool IsVerifying { get; private set; }

    /// <summary>Whether the handshake is not complete; the sweep decides how long it may take.</summary>
    public bool IsHandshakePending => !IsEstablished && !_isOver;

    /// <summary>The same number while the same record, or the handshake (0), is held; −1 when nothing is.</summary>
    public long HeldMark => IsEstablished ? _records.UnfinishedAt : 0;

    private bool IsEstablished => _handshake is { IsComplete: true };

    /// <summary>Whether a handshake has started and not ended. A peer that leaves without a byte fails none.</summary>
    private bool IsInHandshake => IsHandshakePending && !connection.InputEnded && _records.BytesTaken > 0;

    public override void HandlerAdded(IChannelHandlerContext context)
    {
        connection.Tls = this;
        _stream = new TlsStream(_records, context);
        _handshake = new TlsHandshake(_stream, rules);
    }

    public override void HandlerRemoved(IChannelHandlerContext context) => Release();

    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        if (message is not IByteBuffer input)
        {
            context.FireChannelRead(message);
            return;
        }

        if (connection.InputEnded || _isOver)
        {
            input.Release(); // a transport may deliver what it had already read
            return;
        }

        if (IsVerifying)
        {
            IByteBuffer copy = Unpooled.CopiedBuffer(input); // the transport's buffer is larger, and verifying can take long
            input.Release();
            (_later ??= []).Enqueue(copy);
            _laterBytes += copy.Capacity;
            Charge();
            return;
        }

        _records.Take(input);
        Advance(context);
    }

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        if (evt is ChannelInputShutdownEvent end && IsVerifying)
        {
            _laterEnd = end; // behind the data that may have come with the end of the handshake
        }
        else if (evt is ChannelInputShutdownEvent && IsInHandshake)
        {
            Fail("the peer closed in the middle of the handshake");
        }
        else
        {
            context.FireUserEventTriggered(evt);
        }
    }

    public override void ChannelInactive(IChannelHandlerContext context)
    {
        if (IsInHandshake)
        {
            Fail("the connection ended in the middle of the handshake");
        }

        Release();
        context.FireChannelInactive();
    }

    public override Task WriteAsync(IChannelHandlerContext context, object message)
    {
        if (message is not IByteBuffer plain)
        {
            return context.WriteAsync(message);
        }

        try
        {
            if (!IsEstablished || _isOver)
            {
                return Task.FromException(new InvalidOperationException("TLS is not established, so nothing can be sent"));
            }

            _handshake!.Ssl!.Write(plain.Array, plain.ArrayOffset + plain.ReaderIndex, plain.ReadableBytes);
            return _stream!.LastWrite;
        }
        catch (Exception e)
        {
            Fail(e.GetBaseException().Message);
            return Task.FromException(e);
        }
        finally
        {
            plain.Release();
        }
    }

    public override Task CloseAsync(IChannelHandlerContext context)
    {
        if (context.Channel.Active)
        {
            EndOutput();
        }

        return context.CloseAsync();
    }

    /// <summary>Sends close_notify; nothing is encrypted or decrypted any more.</summary>
    public void EndOutput()
    {
        if (!IsEstablished || _isOver)
        {
            return;
        }

        _isOver = true;
        try
        {
            _ = _handshake!.Ssl!.ShutdownAsync(); // complete when it returns, like all writes
            _stream!.Flush();
        }
        catch (Exception e)
        {
            // OpenSSL sends no close_notify in the middle of a renegotiation, which a peer can start and not finish.
            rules.Logger.TlsFault(connection.Source.ConnectionId, connection.Source.Peer, e.GetBaseException().Message);
        }
    }

    /// <summary>Frees what is held; nothing is decrypted or encrypted any more.</summary>
    public void Release()
    {
        _isOver = true;
        while (_later?.TryDequeue(out IByteBuffer? later) ?? false)
        {
            later.Release();
        }

        if (IsVerifying)
        {
            return; // the other thread has the rest; FinishVerifying frees it
        }

        _records.Release();
        _memory.Charge(0);
        _handshake?.Dispose();
    }

    /// <summary>Advances the handshake by the whole records, and passes on what the records behind it carry.</summary>
    private void Advance(IChannelHandlerContext context)
    {
        int whole = _records.ReadableBytes;
        try
        {
            if (IsEstablished || AdvanceHandshake(context))
            {
                Decrypt(context, whole);
            }
            else if (whole > 0)
            {
                _memory.IsReadBufferKept = true;
            }

            if (!IsVerifying)
            {
                FailIfBroken();
            }
        }
        finally
        {
            if (!IsVerifying)
            {
                _records.Finish();
            }

            Charge();
        }
    }

    /// <summary>Gives the whole records to the handshake.</summary>
    /// <returns>Whether it is complete. False also when its next step runs on another thread.</returns>
    private bool AdvanceHandshake(IChannelHandlerContext context)
    {
        if (_records.ReadableBytes == 0)
        {
            return false;
        }

        if (!_handshake!.HasStarted || rules.Verify is not { } verify)
        {
            _handshake.Step();
            return EndStep();
        }

        // The client was asked for its certificates, and these records may bring them.
        IsVerifying = true;
        connection.Pause(PauseCauses.Verification);
        _records.OwnInput();
        _stream!.StartCollecting();
        verify(connection.Source.Address, () =>
        {
            _handshake.Step();
            connection.Execute(() => FinishVerifying(context));
        });
        return false;
    }

    /// <summary>Continues on the event loop after a step on the other thread.</summary>
    private void FinishVerifying(IChannelHandlerContext context)
    {
        IsVerifying = false;
        _memory.MayHoldCertificates = true;
        _stream!.WriteCollected();
        int whole = _records.ReadableBytes;
        try
        {
            if (!_isOver)
            {
                _memory.IsReadBufferKept = true;
                if (EndStep())
                {
                    Decrypt(context, whole);
                }

                FailIfBroken();
            }
        }
        finally
        {
            _records.Finish();
            Charge();
        }

        if (_isOver || connection.InputEnded)
        {
            Release(); // closed meanwhile
            return;
        }

        while (!IsVerifying && _later is not null && _later.TryDequeue(out IByteBuffer? later))
        {
            _laterBytes -= later.Capacity;
            ChannelRead(context, later);
        }

        if (!IsVerifying)
        {
            Resume(context);
        }
    }

    private void Resume(IChannelHandlerContext context)
    {
        _later = null;
        connection.Resume(PauseCauses.Verification);
        if (_laterEnd is { } end)
        {
            _laterEnd = null;
            UserEventTriggered(context, end);
        }

        context.Channel.Pipeline.FireChannelReadComplete(); // a drain has waited for this
    }

    /// <summary>Sends what a step of the handshake wrote, and checks its outcome.</summary>
    /// <returns>Whether the handshake is complete.</returns>
    private bool EndStep()
    {
        if (_handshake!.Fault is { } fault)
        {
            Fail(fault);
            return false;
        }

        // After a TLS 1.3 handshake only two session tickets are left to send, which OpenSSL makes even when nothing is resumed. They wait
        // for the next write: a peer that never reads would have them in its socket when it closes. Its kernel would then reset the
        // connection and throw away what it had not sent yet. Measured: of 1.6 MB, 1.5.
        bool isComplete = _handshake.TryComplete();
        if (!isComplete || !_handshake.IsTls13)
        {
            _stream!.Flush();
        }

        if (isComplete)
        {
            _decryption = new TlsDecryption(_records, _stream!, _handshake.Ssl!);
            connection.Source.CertificateSubject = _handshake.Ssl!.RemoteCertificate?.Subject;
        }

        return isComplete;
    }

    /// <summary>Passes on what the whole records carry.</summary>
    /// <param name="context">This handler's context.</param>
    /// <param name="room">Bytes of the whole records of this read, which is more than they carry.</param>
    private void Decrypt(IChannelHandlerContext context, int room)
    {
        (IByteBuffer? data, bool hasEnded, string? fault) = _decryption!.Decrypt(context.Allocator, room);
        if (room > 0)
        {
            _memory.IsReadBufferKept = data is null;
        }

        if (data is not null)
        {
            context.FireChannelRead(data);
        }

        if (fault is not null)
        {
            Fail(fault);
        }
        else if (hasEnded)
        {
            connection.EndInput(context, CloseReason.PeerClosed);
        }
    }

    private void FailIfBroken()
    {
        if (_records.IsBroken)
        {
            Fail("not a TLS record");
        }
    }

    private void Fail(string fault)
    {
        if (!connection.InputEnded)
        {
            rules.Logger.TlsFault(connection.Source.ConnectionId, connection.Source.Peer, fault);
        }

        _stream!.Flush(); // the alert
        _isOver = true;
        connection.Abort(CloseReason.TlsFailed);
    }

    /// <summary>Reports to the memory budget what is held now; one comparison per read in the steady state.</summary>
    private void Charge()
    {
        if (!_isOver)
        {
            _memory.Charge(_records.HeldBytes + _laterBytes + _memory.BytesFor(_handshake!));
        }
    }
}
