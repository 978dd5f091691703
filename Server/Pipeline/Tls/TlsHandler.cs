using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Server.Limits;
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
/// <para>With client certificates, the steps of a handshake that bring them run on another thread (<see cref="TlsRules.Verify"/>). That has records
/// and streams to itself meanwhile, and the connection is not read from.</para>
/// <para>Threads: its channel's event loop, but for that. Over 300 lines: handshake, reading, writing and closing share the state of one SslStream, whose
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

    /// <summary>Bytes that a handshake may take in: three certificates of RSA-4096 are 6 KiB. Of a chain of RSA-3072 with 3072-bit exponents
    /// 10 certificates fit. Measured: 0.06 s of CPU for them, 0.84 s for the 70 of which the handshake is 94 KB.</summary>
    public const int MaxHandshakeBytes = 16 * 1024;

    /// <summary>Bytes of memory for each byte of a handshake, which OpenSSL keeps as long as the connection. Measured with 400 connections:
    /// ALPN 3.2; certificates of a chain 3.6 (RSA) to 7.8 (ECDSA); made for the purpose (SAN of empty names) 53.</summary>
    private const int HelloFactor = 4;
    private const int ChainFactor = 8;
    private const int ForeignFactor = 56;

    /// <summary>Memory of a handshake that is not charged, as the start-up line counts it: 4 KiB with a client's certificates, 2 KiB without.</summary>
    public static int UnchargedBytes(bool withCertificates) => withCertificates ? 4 * 1024 * ChainFactor : 2 * 1024 * HelloFactor;

    /// <summary>Certificates that a client's chain may have, its own and the root included.</summary>
    private const int MaxChain = 8;

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

    /// <summary>Bytes that the complete handshake took in.</summary>
    private int _handshakeBytes;

    /// <summary>Bytes of the certificates that the client sent and that are not of its chain.</summary>
    private int _foreignBytes;

    /// <summary>Why the client's certificate was refused.</summary>
    private string? _refusal;

    /// <summary>A step has been on another thread, so certificates may be held.</summary>
    private bool _mayHoldCertificates;

    /// <summary>What came while a step of the handshake is on another thread, and its size.</summary>
    private Queue<IByteBuffer>? _later;
    private int _laterBytes;
    private ChannelInputShutdownEvent? _laterEnd;

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

    /// <summary>Whether another thread has streams and records, to verify the client's certificates.</summary>
    public bool IsVerifying { get; private set; }

    /// <summary>Stays the same for as long as what is held is of the same record, or handshake (0); −1 when nothing is.</summary>
    public long HeldMark => !_isEstablished ? 0 : _records.BegunAt;

    public override void HandlerAdded(IChannelHandlerContext context)
    {
        _connection.Tls = this;
        _stream = new TlsStream(_records, context) { Allowance = MaxHandshakeBytes };
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

        if (IsVerifying)
        {
            IByteBuffer copy = Unpooled.CopiedBuffer(input); // the transport's buffer is larger, and this can take long
            input.Release();
            (_later ??= []).Enqueue(copy);
            _laterBytes += copy.Capacity;
            Charge();
            return;
        }

        _records.Take(input);
        Proceed(context);
    }

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        if (evt is ChannelInputShutdownEvent end && IsVerifying)
        {
            _laterEnd = end; // behind the data that may have come with the handshake's end
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
        while (_later?.TryDequeue(out IByteBuffer? later) ?? false)
        {
            later.Release();
        }

        if (IsVerifying)
        {
            return; // the other thread has the rest; Return frees it
        }

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

    /// <summary>Gives the whole records to the handshake, and passes on what those behind it carry.</summary>
    private void Proceed(IChannelHandlerContext context)
    {
        int whole = _records.ReadableBytes;
        try
        {
            bool isData = (_isEstablished || Handshake(context)) && Decrypt(context, whole);
            if (!IsVerifying)
            {
                _isStalled = whole > 0 ? !isData : _isStalled;
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

    private void FailIfBroken()
    {
        if (_records.IsBroken)
        {
            Fail("not a TLS record");
        }
    }

    /// <summary>Gives the whole records to the handshake, which the first one begins.</summary>
    /// <returns>Whether it is complete. False also where its next step is left to another thread.</returns>
    private bool Handshake(IChannelHandlerContext context)
    {
        if (_records.ReadableBytes == 0)
        {
            return false;
        }

        if (_handshake is null || _rules.Verify is not { } verify)
        {
            Step();
            return EndStep();
        }

        // The client was asked for its certificates, and these records may bring them.
        IsVerifying = true;
        _connection.Pause(PauseCauses.Verification);
        _records.OwnInput();
        _stream!.Leave();
        verify(_connection.Source.Address, () =>
        {
            Step();
            _connection.Execute(() => Return(context));
        });
        return false;
    }

    /// <summary>A step of the handshake is back from the other thread.</summary>
    private void Return(IChannelHandlerContext context)
    {
        IsVerifying = false;
        _mayHoldCertificates = true;
        _stream!.Return();
        int whole = _records.ReadableBytes;
        try
        {
            if (!_isOver)
            {
                bool isData = EndStep() && Decrypt(context, whole);
                _isStalled = !isData;
                FailIfBroken();
            }
        }
        finally
        {
            _records.Finish();
            Charge();
        }

        if (_isOver || _connection.InputEnded)
        {
            LetGo(); // closed meanwhile
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
        _connection.Resume(PauseCauses.Verification);
        if (_laterEnd is { } end)
        {
            _laterEnd = null;
            UserEventTriggered(context, end);
        }

        context.Channel.Pipeline.FireChannelReadComplete(); // a drain has waited for this
    }

    /// <summary>Judges what a step has come to.</summary>
    /// <remarks>
    /// What the server writes at the end of TLS 1.3's is no part of it but two tickets, which OpenSSL sends even where nothing is resumed.
    /// They stay here until something else is sent. A peer that only sends would have them unread in its socket, and its kernel turns the
    /// close of such a socket into a reset, which throws away what was not sent yet: of 1.6 MB, all but 0.1.
    /// </remarks>
    /// <returns>Whether the handshake is complete.</returns>
    private bool EndStep()
    {
        if (!_handshake!.IsCompleted)
        {
            _stream!.Flush();
            return false;
        }

        if (_handshake.Exception is { } fault)
        {
            Fail(_stream!.Allowance == 0 ? $"a handshake of more than {MaxHandshakeBytes} bytes" : _refusal ?? fault.GetBaseException().Message);
            return false;
        }

        _isEstablished = true;
        _handshakeBytes = MaxHandshakeBytes - _stream!.Allowance;
        _stream.Allowance = int.MaxValue;
        if (_ssl!.SslProtocol != SslProtocols.Tls13)
        {
            _stream.Flush();
        }

        return true;
    }

    /// <summary>Runs a step on this thread, but as the thread pool's: else what awaits a task inside SslStream would go on over there.</summary>
    private void Step() => new Task(AdvanceHandshake).RunSynchronously(TaskScheduler.Default);

    private void AdvanceHandshake()
    {
        if (_handshake is null)
        {
            _ssl = new SslStream(_stream!, leaveInnerStreamOpen: true, _rules.Verify is null ? null : Judge);
            _handshake = _ssl.AuthenticateAsServerAsync(_rules.Options());
        }
        else
        {
            _stream!.Supply();
        }
    }

    /// <summary>Judges the client's certificate, which SslStream has verified; on the other thread.</summary>
    private bool Judge(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (chain is null || errors != SslPolicyErrors.None)
        {
            string statuses = string.Join(", ", chain?.ChainStatus.Select(status => status.Status) ?? []);
            _refusal = $"the client's certificate: {errors} {statuses}";
            return false;
        }

        if (chain.ChainElements.Count > MaxChain)
        {
            _refusal = $"a chain of more than {MaxChain} certificates";
            return false;
        }

        // By content: X509Certificate's own comparison takes issuer and serial number for the whole.
        _foreignBytes = chain.ChainPolicy.ExtraStore
            .Where(sent => !chain.ChainElements.Any(element => element.Certificate.RawDataMemory.Span.SequenceEqual(sent.RawDataMemory.Span)))
            .Sum(sent => sent.RawDataMemory.Length);
        return true;
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

        int held = _records.HeldBytes + _laterBytes;
        if (!_isEstablished && _handshake is not null)
        {
            held += HandshakeBufferBytes + ((_mayHoldCertificates ? ForeignFactor : HelloFactor) * (MaxHandshakeBytes - _stream!.Allowance));
        }
        else if (_isEstablished)
        {
            int handshake = _rules.Verify is null
                ? HelloFactor * _handshakeBytes
                : (ChainFactor * _handshakeBytes) + ((ForeignFactor - ChainFactor) * _foreignBytes);
            held += Math.Max(0, handshake - UnchargedBytes(_rules.Verify is not null)) + (_isStalled ? ReadBufferBytes : 0);
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
