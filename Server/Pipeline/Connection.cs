using System.Net;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline.Proxy;
using DotNettyFraming.Server.Pipeline.Tls;
using DotNettyFraming.Server.Processing;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>One accepted connection: what its handlers share, and the only place where reading is turned on and off and where
/// it is closed.</summary>
/// <remarks>
/// <para>Two ways out. <i>Orderly</i>: <see cref="EndInput"/> stops reading and sends <see cref="EndOfInput"/> down the pipeline;
/// <see cref="CloseWhenDone"/> at its end closes as soon as nothing is pending. <i>Abort</i>: <see cref="Abort"/> closes now.
/// Whatever comes first names the <see cref="CloseReason"/>.</para>
/// <para>Threads: its event loop only. Over 300 lines: whoever ends, holds back or judges a connection needs the same few fields, and this is
/// the only place that may write them.</para>
/// </remarks>
internal sealed class Connection
{
    private readonly IChannel _channel;
    private readonly PacketDecoder _decoder;
    private readonly ILogger _logger;

    private long _openedAt;
    private long _bytesSurveyed;
    private IPAddress? _limitedAs;
    private PeerPatience _patience;
    private HeldMark _heldBefore;
    private PendingBatches? _pending;
    private CloseReason? _reason;
    private bool _inputEnded;
    private bool _asksForMemory;
    private bool _heldBack;
    private bool _closeWhenDone;
    private long _closingSince;
    private bool _closed;

    /// <param name="id">Its number.</param>
    /// <param name="channel">Its channel.</param>
    /// <param name="loop">Its event loop's state.</param>
    /// <param name="decoder">Its decoder, which knows what has come.</param>
    /// <param name="limitedAs">The address as which it was let in (<see cref="ConnectionLimits"/>); null where it is not known yet.</param>
    /// <param name="logger">Where its events go.</param>
    public Connection(long id, IChannel channel, LoopState loop, PacketDecoder decoder, IPAddress? limitedAs, ILogger logger)
    {
        _limitedAs = limitedAs;
        _channel = channel;
        _decoder = decoder;
        _logger = logger;
        Loop = loop;
        Source = new PacketSource(id, channel.RemoteAddress, loop.Index);
    }

    /// <summary>The event loop's share: counters, admission, its connections.</summary>
    public LoopState Loop { get; }

    /// <summary>The connection as processors see it.</summary>
    public PacketSource Source { get; }

    /// <summary>Batches whose processing has not completed; made when there is a first one, as with the default processor there is none.</summary>
    public PendingBatches Pending => _pending ??= new PendingBatches(this);

    /// <summary>Whether something received has neither been processed nor given up.</summary>
    public bool HasPending => _pending is { IsEmpty: false };

    /// <summary>The pipeline, for who joins later (<see cref="DrainHandler"/>).</summary>
    public IChannelPipeline Pipeline => _channel.Pipeline;

    /// <summary>Whether nothing more is going to be read.</summary>
    public bool InputEnded => _inputEnded || _closed;

    /// <summary>Whether processing failed, so that what follows must not be processed either.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Who awaits the PROXY header; null where none is awaited, or no longer.</summary>
    public ProxyHeaderHandler? AwaitedProxyHeader { get; set; }

    /// <summary>Who decrypts; null without TLS.</summary>
    public TlsHandler? Tls { get; set; }

    /// <summary>The channel became active: from here on the connection counts.</summary>
    public void Opened()
    {
        _openedAt = Loop.Sweep.Now;
        _patience.Begin(_openedAt);
        Loop.Counters.CountAccepted();
        Loop.Admission.Joined(this);
        Loop.Add(this);
    }

    /// <summary>The PROXY header has come: from here on, this is whose connection it is.</summary>
    /// <param name="peer">The balancer's peer; null where the socket's address holds.</param>
    public void Identify(EndPoint? peer)
    {
        if (peer is not null)
        {
            _logger.PeerIdentified(Source.ConnectionId, Source.Peer, PacketSource.WithoutMapping(peer));
            Source.Peer = PacketSource.WithoutMapping(peer);
        }

        if (Loop.Limits.EnterFrom(Source.Address) is CloseReason refused)
        {
            Abort(refused);
        }
        else
        {
            _limitedAs = Source.Address;
        }
    }

    /// <summary>Stops reading while processing lags behind, and goes on afterwards.</summary>
    public void HoldBack(bool hold)
    {
        if (_heldBack != hold)
        {
            _heldBack = hold;
            Loop.Counters.CountPaused(hold ? 1 : -1);
            ApplyReading();
        }
    }

    /// <summary>Bytes that came since the survey before (<see cref="LoopState.Survey"/>), or since it opened.</summary>
    public long BytesSinceSurvey => _decoder.BytesReceived - _bytesSurveyed;

    /// <summary>How it is now.</summary>
    /// <param name="sinceSurvey">The time since the survey before.</param>
    public PeerState State(TimeSpan sinceSurvey) => new(
        Source.ConnectionId,
        Source.Peer?.ToString() ?? "",
        Loop.Index,
        Loop.Sweep.Since(_openedAt),
        _decoder.PacketsReceived,
        _decoder.BytesReceived,
        _decoder.UnfinishedPacketOffset is >= 0 and var offset ? _decoder.BytesReceived - offset : 0,
        _heldBack,
        (long)(BytesSinceSurvey / sinceSurvey.TotalSeconds));

    /// <summary>A survey is over: the next one counts from here.</summary>
    public void Surveyed() => _bytesSurveyed = _decoder.BytesReceived;

    /// <summary>The part of a packet that it holds, or of what stands before packets: a PROXY header, a handshake, a record of TLS; no bytes
    /// where it holds none.</summary>
    /// <param name="now">The time that stands for "not known for long".</param>
    public HeldPart HeldPart(long now)
    {
        int packet = _decoder.UnfinishedPacketCapacity;
        int before = (AwaitedProxyHeader?.HeldBytes ?? 0) + (Tls?.HeldBytes ?? 0);
        long since = Math.Min(
            packet > 0 ? _patience.PacketSince(_decoder.UnfinishedPacketOffset, now) : now,
            before > 0 ? _heldBefore.Since(MarkBeforePackets, now) : now);
        return new HeldPart(this, since, packet + before);
    }

    /// <summary>Whether the peer has kept us waiting for too long; asked once in each sweep.</summary>
    /// <param name="now">A timestamp.</param>
    /// <param name="sinceLast">Since the sweep before, in timestamps.</param>
    /// <param name="idleLimit">In timestamps; 0 = none.</param>
    /// <param name="packetLimit">In timestamps; 0 = none.</param>
    /// <returns>The reason to close; null for none. A peer that we do not read from is not to blame.</returns>
    public CloseReason? JudgePeer(long now, long sinceLast, long idleLimit, long packetLimit)
    {
        _heldBefore.Look(MarkBeforePackets, now);
        if (AwaitedProxyHeader?.IsOverdue(_heldBack) ?? false)
        {
            return CloseReason.ProxyHeaderTimeout;
        }

        if (Tls?.IsOverdue(_heldBack) ?? false)
        {
            return CloseReason.TlsTimeout;
        }

        if (_closeWhenDone && now - _closingSince >= Loop.Sweep.OrderlyCloseLimit)
        {
            return _reason;
        }

        if (_heldBack || InputEnded)
        {
            _patience.StandStill(sinceLast);
            return null;
        }

        return _patience.Look(_decoder.BytesReceived, _decoder.UnfinishedPacketOffset, now, idleLimit, packetLimit);
    }

    /// <summary>The orderly way out: reads no more, and tells the handlers behind <paramref name="context"/>.</summary>
    public void EndInput(IChannelHandlerContext context, CloseReason reason)
    {
        if (!InputEnded)
        {
            _reason ??= reason;
            _inputEnded = true;
            ApplyReading();
            context.FireUserEventTriggered(new EndOfInput(reason));
        }
    }

    /// <summary>Closes as soon as nothing is pending, which may be now; or at a deadline (<see cref="DeadlineSweep.OrderlyClose"/>), while the
    /// work goes on.</summary>
    public void CloseWhenDone()
    {
        _closeWhenDone = true;
        _closingSince = Loop.Sweep.Now;
        PendingChanged();
    }

    /// <summary>The abrupt way out: closes now. What is pending is processed all the same.</summary>
    /// <returns>Completes when the channel is closed; the last event of the connection comes a task later.</returns>
    public Task Abort(CloseReason reason)
    {
        _reason ??= reason;
        _inputEnded = true;
        return Close();
    }

    /// <summary>A handler in front of the decoder holds more memory, or less. Others may be closed meanwhile for what they hold
    /// (<see cref="BufferBudget"/>), but not this connection.</summary>
    /// <param name="change">Bytes.</param>
    public void HeldBeforePackets(int change)
    {
        _asksForMemory = true;
        Loop.Counters.Bytes.Allocated(change);
        _asksForMemory = false;
    }

    /// <summary>Closes now, for the memory that is held, and frees that at once.</summary>
    /// <returns>False where this connection is the one that asks for memory: a handler of it is in the middle of a read.</returns>
    public bool Shed()
    {
        if (_asksForMemory || !_decoder.Abandon())
        {
            return false;
        }

        Abort(CloseReason.BufferBudget);
        AwaitedProxyHeader?.Forget();
        Tls?.LetGo(); // after close_notify
        return true;
    }

    /// <summary>The channel became inactive, whoever wanted it; the last event of a connection.</summary>
    public void Closed()
    {
        if (_closed)
        {
            return;
        }

        Loop.Admission.Left(this);
        Loop.Limits.Leave(_limitedAs);
        _closed = true;
        CloseReason reason = _reason ??= CloseReason.PeerClosed;
        Loop.Counters.CountClosed(reason);
        _logger.ConnectionClosed(Source.ConnectionId, Source.Peer, reason);
        PendingChanged();
    }

    /// <summary>Processing failed: its packets are dropped, and the connection is closed; logged once.</summary>
    public void ProcessingFailed(Exception exception, int packets)
    {
        Loop.Counters.CountDropped(packets);
        if (!HasFailed)
        {
            HasFailed = true;
            _logger.ProcessingFailed(exception, Source.ConnectionId, Source.Peer);
            Abort(CloseReason.ProcessingFailed);
        }
    }

    /// <summary>Something pending completed.</summary>
    public void PendingChanged()
    {
        if (HasPending)
        {
            return;
        }

        if (_closed)
        {
            Loop.Remove(this);
        }
        else if (_closeWhenDone)
        {
            Close();
        }
    }

    /// <summary>Runs <paramref name="action"/> on this connection's event loop, soon. Any thread.</summary>
    public void Execute(Action action)
    {
        try
        {
            _channel.EventLoop.Execute(action);
        }
        catch (RejectedExecutionException)
        {
            // The loop has ended, and with it the drain, which has counted as dropped what was still pending.
        }
    }

    /// <summary>What is held in front of the decoder; see <see cref="TlsHandler.HeldMark"/>.</summary>
    private long MarkBeforePackets => AwaitedProxyHeader is not null ? 0 : Tls?.HeldMark ?? -1;

    /// <summary>AutoRead follows from who wants what; nobody else sets it.</summary>
    private void ApplyReading()
    {
        if (!_closed)
        {
            _channel.Configuration.AutoRead = !_heldBack && !_inputEnded;
        }
    }

    private Task Close() => _channel.CloseAsync();
}
