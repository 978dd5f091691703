using System.Net;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using DotNettyFraming.Server.Diagnostics;
using DotNettyFraming.Server.Processing;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>One accepted connection: what its handlers share, and the only place where reading is turned on and off and where
/// it is closed.</summary>
/// <remarks>
/// <para>Two ways out. <i>Orderly</i>: <see cref="EndInput"/> stops reading and sends <see cref="EndOfInput"/> down the pipeline;
/// <see cref="CloseWhenDone"/> at its end closes as soon as nothing is pending. <i>Abort</i>: <see cref="Abort"/> closes now.
/// Whatever comes first names the <see cref="CloseReason"/>.</para>
/// <para>Threads: its event loop only.</para>
/// </remarks>
internal sealed class Connection
{
    private readonly IChannel _channel;
    private readonly ILogger _logger;

    private PendingBatches? _pending;
    private CloseReason? _reason;
    private bool _inputEnded;
    private bool _heldBack;
    private bool _closeWhenDone;
    private bool _closed;

    public Connection(long id, IChannel channel, LoopState loop, ILogger logger)
    {
        _channel = channel;
        _logger = logger;
        Loop = loop;
        Source = new PacketSource(id, WithoutMapping(channel.RemoteAddress), loop.Index);
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

    /// <summary>Its TLS handshake, while that is not complete; null without TLS. When it is overdue, <see cref="Abort"/> with
    /// <see cref="CloseReason.TlsTimeout"/>.</summary>
    public TlsHandshake? Handshake { get; set; }

    /// <summary>The channel became active: from here on the connection counts.</summary>
    public void Opened()
    {
        Loop.Counters.CountAccepted();
        Loop.Admission.Joined(this);
        Loop.Add(this);
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

    /// <summary>Closes as soon as nothing is pending, which may be now.</summary>
    public void CloseWhenDone()
    {
        _closeWhenDone = true;
        PendingChanged();
    }

    /// <summary>The abrupt way out: closes now. What is pending is processed all the same.</summary>
    public void Abort(CloseReason reason)
    {
        _reason ??= reason;
        _inputEnded = true;
        Close();
    }

    /// <summary>The channel became inactive, whoever wanted it; the last event of a connection.</summary>
    public void Closed()
    {
        if (_closed)
        {
            return;
        }

        Loop.Admission.Left(this);
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

    private static EndPoint? WithoutMapping(EndPoint? peer) =>
        peer is IPEndPoint { Address.IsIPv4MappedToIPv6: true } mapped
            ? new IPEndPoint(mapped.Address.MapToIPv4(), mapped.Port)
            : peer;

    /// <summary>AutoRead follows from who wants what; nobody else sets it.</summary>
    private void ApplyReading()
    {
        if (!_closed)
        {
            _channel.Configuration.AutoRead = !_heldBack && !_inputEnded;
        }
    }

    private void Close() => _channel.CloseAsync();
}
