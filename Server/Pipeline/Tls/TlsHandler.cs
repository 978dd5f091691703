using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Security.Authentication;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>
/// Encryption, by .NET's SslStream. In: <see cref="IByteBuffer"/>, grouped as the network likes → Out: what was encrypted, in one buffer a
/// read. Gives <see cref="CloseReason.TlsFailed"/>, by the sweep <see cref="CloseReason.TlsTimeout"/>, and at the peer's close_notify
/// <see cref="CloseReason.PeerClosed"/>; says close_notify when the channel is closed.
/// </summary>
/// <remarks>
/// <code>
/// read --> TlsRecords --whole records--> TlsStream --> SslStream --> TlsHandler --> next handler
///          holds the beginning of one                  holds nothing between two reads
/// </code>
/// <para>Why not DotNetty's handler of this name (0.7.6). It runs into itself: the end of the handshake, inside its loop over the records
/// of a read, decrypts what it takes for pending, and lets go the source that the loop still reads: a NullReferenceException with each client
/// certificate over TLS 1.3, where all after ServerHello looks like data. It holds a whole receive buffer for one byte of a record. It answers
/// what is no TLS with an exception whose text is a dump of the bytes. It reads on where reading is turned off.</para>
/// <para>Here SslStream only ever waits for a first byte. It gets whole records, all that there are, and has taken them in when
/// <see cref="TlsStream.Supply"/> returns: nothing runs on another thread, so there is no state between "read" and "decrypted".</para>
/// <para>Threads: its channel's event loop. Over 300 lines: handshake, reading, writing and closing share the state of one SslStream, whose
/// calls must not meet; records and stream have files of their own.</para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "A handler is not disposed of: its streams are let go when its channel ends.")]
internal sealed class TlsHandler : ChannelHandlerAdapter
{
    /// <summary>What SslStream rents for a handshake, and again for a record of which no data came (4 KiB and 16 KiB and a little, which the
    /// pool rounds up).</summary>
    private const int HandshakeBufferBytes = 8 * 1024;
    private const int ReadBufferBytes = 32 * 1024;

    /// <summary>Records that a connection may send without data, its handshake's among them. OpenSSL keeps an answer to each (to a KeyUpdate, to a
    /// wish to negotiate anew) until the server itself sends something, and this one has nothing to send: without a bound a peer could fill
    /// the memory, and nothing of it is in the budget.</summary>
    private const int MostWithoutData = 1000;

    private readonly Connection _connection;
    private readonly TlsRules _rules;
    private readonly TlsRecords _records = new();
    private TlsStream? _stream;
    private SslStream? _ssl;
    private Task? _handshake;

    /// <summary>A read without room: complete when there is something to read. SslStream has no buffer meanwhile, nor need we.</summary>
    private ValueTask<int>? _nextData;

    private long _dataRecords;
    private int _charged;
    private bool _isEstablished;

    /// <summary>The last whole records carried no data; SslStream keeps its buffer then.</summary>
    private bool _isStalled;

    /// <summary>SslStream is not to be used any more.</summary>
    private bool _isOver;

    public TlsHandler(Connection connection, TlsRules rules)
    {
        _connection = connection;
        _rules = rules;
    }

    /// <summary>Memory held, bytes: the beginning of a record, and until the handshake is complete what that has taken in.</summary>
    public int HeldBytes { get; private set; }

    /// <summary>Stays the same for as long as what is held is of the same record, or handshake (0); −1 when nothing is.</summary>
    public long HeldMark => !_isEstablished ? 0 : _records.BegunAt;

    public override void HandlerAdded(IChannelHandlerContext context)
    {
        _connection.Tls = this;
        _stream = new TlsStream(_records, context);
    }

    public override void HandlerRemoved(IChannelHandlerContext context) => LetGo();

    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        if (message is not IByteBuffer input)
        {
            context.FireChannelRead(message);
            return;
        }

        if (_connection.InputEnded || _isOver)
        {
            input.Release(); // closed or about to be; a transport may hand on what it had read already
            return;
        }

        _records.Take(input);
        int whole = _records.ReadableBytes;
        try
        {
            bool isData = (_isEstablished || Handshake()) && Decrypt(context, whole);
            _isStalled = whole > 0 ? !isData : _isStalled;
            if (_records.IsBroken)
            {
                Fail("not a TLS record");
            }
        }
        finally
        {
            _records.Finish();
            Charge();
        }
    }

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        if (evt is ChannelInputShutdownEvent && IsInHandshake)
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

        LetGo();
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
            if (!_isEstablished || _isOver)
            {
                return Task.FromException(new InvalidOperationException("TLS is not established, so nothing can be sent"));
            }

            byte[] bytes = new byte[plain.ReadableBytes];
            plain.ReadBytes(bytes);
            _ssl!.Write(bytes);
            return _stream!.LastWrite;
        }
        finally
        {
            plain.Release();
        }
    }

    public override Task CloseAsync(IChannelHandlerContext context)
    {
        if (_isEstablished && !_isOver && context.Channel.Active)
        {
            _isOver = true;
            try
            {
                _ = _ssl!.ShutdownAsync(); // complete when it returns, as all writes are
                context.Flush();
            }
            catch (Exception e)
            {
                // OpenSSL says no close_notify in the middle of a message of a new handshake, which a peer can begin and not end.
                _rules.Logger.TlsFault(_connection.Source.ConnectionId, _connection.Source.Peer, e.GetBaseException().Message);
            }
        }

        return context.CloseAsync();
    }

    /// <summary>Whether the handshake is not complete; the sweep judges how long that may take.</summary>
    public bool IsHandshakePending => !_isEstablished && !_isOver;

    /// <summary>Frees what is held; nothing is decrypted or encrypted any more.</summary>
    public void LetGo()
    {
        _isOver = true;
        _records.Forget();
        ChargeExactly(0);
        if (_ssl is null)
        {
            return;
        }

        if (_isEstablished)
        {
            _stream!.End();
        }

        // A handshake that is not complete is not told: it would throw, and nobody listens.
        _ssl.Dispose();
    }

    /// <summary>One that goes without a byte has looked whether somebody listens; no handshake failed.</summary>
    private bool IsInHandshake => !_isEstablished && !_isOver && !_connection.InputEnded && _records.BytesTaken > 0;

    /// <summary>Gives the whole records to the handshake, which the first one begins.</summary>
    /// <remarks>
    /// What the server writes at the end of TLS 1.3's is no part of it but two tickets, which OpenSSL sends even where nothing is resumed.
    /// They stay here until something else is sent. A peer that only sends would have them unread in its socket, and its kernel turns the
    /// close of such a socket into a reset, which throws away what was not sent yet: of 1.6 MB, all but 0.1.
    /// </remarks>
    /// <returns>Whether it is complete.</returns>
    private bool Handshake()
    {
        if (_handshake is null && _records.ReadableBytes == 0)
        {
            return false;
        }

        // On this thread, but as the thread pool's: else what awaits a task inside SslStream would go on over there.
        new Task(AdvanceHandshake).RunSynchronously(TaskScheduler.Default);
        if (!_handshake!.IsCompleted)
        {
            _stream!.Flush();
            return false;
        }

        if (_handshake.Exception is { } fault)
        {
            Fail(fault.GetBaseException().Message);
            return false;
        }

        _isEstablished = true;
        if (_ssl!.SslProtocol != SslProtocols.Tls13)
        {
            _stream!.Flush();
        }

        return true;
    }

    private void AdvanceHandshake()
    {
        if (_handshake is null)
        {
            _ssl = new SslStream(_stream!, leaveInnerStreamOpen: true);
            _handshake = _ssl.AuthenticateAsServerAsync(_rules.Options());
        }
        else
        {
            _stream!.Supply();
        }
    }

    /// <summary>Passes on what the whole records carry.</summary>
    /// <param name="context">This handler's context.</param>
    /// <param name="room">Bytes of the whole records of this read: more than they carry; SslStream has nothing from before.</param>
    /// <returns>Whether it was anything.</returns>
    private bool Decrypt(IChannelHandlerContext context, int room)
    {
        IByteBuffer? data = null;
        string? fault = null;
        bool hasEnded = false;
        try
        {
            while (!hasEnded && HasData())
            {
                data ??= context.Allocator.HeapBuffer(room, room);
                _dataRecords++;
                int count = TakeResult(_ssl!.ReadAsync(
                    new Memory<byte>(data.Array, data.ArrayOffset + data.WriterIndex, data.WritableBytes), CancellationToken.None));
                data.SetWriterIndex(data.WriterIndex + count);
                hasEnded = count == 0;
            }
        }
        catch (Exception e)
        {
            // SslStream says in this way what it does not like about a record; what came before is good.
            fault = e.GetBaseException().Message;
        }

        if (fault is null && _records.WholeRecords - _dataRecords > MostWithoutData)
        {
            fault = $"more than {MostWithoutData} records without data";
        }

        bool isData = data?.IsReadable() ?? false;
        if (isData)
        {
            context.FireChannelRead(data);
        }
        else
        {
            data?.Release();
        }

        if (fault is not null)
        {
            Fail(fault);
        }
        else if (hasEnded)
        {
            _connection.EndInput(context, CloseReason.PeerClosed);
        }

        return isData;
    }

    private bool HasData()
    {
#pragma warning disable CA2012 // kept until complete, and taken once: below
        _nextData ??= _ssl!.ReadAsync(Memory<byte>.Empty, CancellationToken.None);
#pragma warning restore CA2012
        _stream!.Supply();
        if (!_nextData.Value.IsCompleted)
        {
            return false;
        }

        ValueTask<int> next = _nextData.Value;
        _nextData = null;
        TakeResult(next);
        return true;
    }

    private static int TakeResult(ValueTask<int> read) =>
        read.IsCompleted ? read.GetAwaiter().GetResult() : throw new InvalidOperationException("SslStream waits where it has something");

    private void Fail(string fault)
    {
        if (!_connection.InputEnded)
        {
            _rules.Logger.TlsFault(_connection.Source.ConnectionId, _connection.Source.Peer, fault);
        }

        _stream!.Flush(); // the alert
        _isOver = true;
        _connection.Abort(CloseReason.TlsFailed);
    }

    /// <summary>Tells the memory budget what is held now; one comparison a read in the steady state.</summary>
    private void Charge()
    {
        if (_isOver)
        {
            return; // let go, or about to be
        }

        int held = _records.HeldBytes;
        if (!_isEstablished && _handshake is not null)
        {
            held += HandshakeBufferBytes + (int)Math.Min(_records.BytesTaken, 1024 * 1024);
        }
        else if (_isEstablished && _isStalled)
        {
            held += ReadBufferBytes;
        }

        ChargeExactly(held);
    }

    private void ChargeExactly(int held)
    {
        HeldBytes = held;
        if (held != _charged)
        {
            int change = held - _charged;
            _charged = held;
            _connection.HeldBeforePackets(change);
        }
    }
}
