using System.Net;
using System.Net.Sockets;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline.Proxy;
using DotNettyFraming.Server.Pipeline.Tls;
using DotNettyFraming.Server.Processing;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>One accepted connection: its stages, and the only code that pauses or closes it.</summary>
/// <remarks>
/// Its packets, its output and what is observed of its peer have files of their own.
/// It ends in one of two ways. <i>Graceful</i>: <see cref="EndInput"/> stops reading and sends <see cref="EndOfInput"/> down the pipeline;
/// <see cref="CloseWhenDone"/> waits for pending packets, sends all output, half-closes, and closes at the peer's FIN or a second later.
/// <i>Abort</i>: <see cref="Abort"/> closes immediately. The first <see cref="CloseReason"/> counts. Threads: its event loop, except
/// replies.
/// </remarks>
internal sealed partial class Connection : ILimitedConnection
{
    private static readonly (PauseCauses Cause, Counter Counter)[] PauseCounters =
    [
        (PauseCauses.ProcessingBehind, Counter.PausedByProcessing),
        (PauseCauses.LoopBehind, Counter.PausedByLoop),
        (PauseCauses.Verification, Counter.PausedByVerification),
        (PauseCauses.RepliesUnread, Counter.PausedByReplies),
        (PauseCauses.StoreBehind, Counter.PausedByStore),
    ];

    private readonly IChannel _channel;
    private readonly PacketDecoder _decoder;
    private readonly ILogger _logger;

    private IPAddress? _limitedAs;
    private CloseReason? _reason;
    private Stage _stage;
    private PauseCauses _pauses;
    private bool _isDraining;
    private bool _peerHasFinished;

    /// <param name="id">The number of the connection.</param>
    /// <param name="channel">Its channel.</param>
    /// <param name="loop">The state of its event loop.</param>
    /// <param name="decoder">Its decoder, which counts its input.</param>
    /// <param name="limitedAs">The address that <see cref="ConnectionLimits"/> counts it under; null if not known yet.</param>
    /// <param name="logger">The log of connections.</param>
    public Connection(long id, IChannel channel, LoopState loop, PacketDecoder decoder, IPAddress? limitedAs, ILogger logger)
    {
        _limitedAs = limitedAs;
        _channel = channel;
        _decoder = decoder;
        _logger = logger;
        Loop = loop;
        Source = new PacketSource(id, PeerOf(channel), loop.Index, this, decoder.Layout);
        loop.Counters.CountAccepted();
    }

    /// <summary>The stages of a connection, one after another. A stage may be skipped.</summary>
    private enum Stage : byte
    {
        /// <summary>Accepted; the channel is not active yet.</summary>
        Accepted,

        /// <summary>Packets are read, unless paused, and processed.</summary>
        Open,

        /// <summary>Nothing more is read; <see cref="EndOfInput"/> is on its way to the last handler.</summary>
        InputEnded,

        /// <summary>Packets are pending; then the output ends.</summary>
        Finishing,

        /// <summary>No reply is accepted any more; the ones that wait and the last acknowledgement are being sent.</summary>
        Flushing,

        /// <summary>Half-closed: everything is sent, and input is discarded.</summary>
        Lingering,

        /// <summary>The channel is closing. Packets that still arrive are dropped.</summary>
        Closing,

        /// <summary>The channel is closed; packets may be pending. It still counts in <see cref="ConnectionLimits"/>.</summary>
        Closed,

        /// <summary>Closed, and nothing is pending.</summary>
        Done,
    }

    /// <summary>The state of its event loop.</summary>
    public LoopState Loop { get; }

    /// <summary>The connection as processors see it.</summary>
    public PacketSource Source { get; }

    /// <summary>Its event loop.</summary>
    public IEventLoop EventLoop => _channel.EventLoop;

    /// <summary>Whether nothing more is read.</summary>
    public bool InputEnded => _stage >= Stage.InputEnded;

    /// <summary>Whether packets that still arrive are dropped: processing failed, or the connection is closing.</summary>
    public bool DropsPackets => _hasFailed || _stage >= Stage.Flushing;

    /// <summary>Whether the connection is not read, for any cause.</summary>
    public bool IsPaused => _pauses != PauseCauses.None;

    /// <summary>The handler that waits for a PROXY header; null if none is expected any more.</summary>
    public ProxyHeaderHandler? AwaitedProxyHeader { get; set; }

    /// <summary>The TLS handler; null without TLS.</summary>
    public TlsHandler? Tls { get; set; }

    /// <summary>Handles the start of the connection: its channel became active.</summary>
    public void Opened()
    {
        if (_stage >= Stage.Closed)
        {
            return;
        }

        _openedAt = Loop.Sweep.Now;
        MoveTo(Stage.Open);
        Loop.BackPressure.Opened(this);
        if (Loop.StoreWaits)
        {
            Pause(PauseCauses.StoreBehind);
        }

        Loop.Add(this);
    }

    /// <summary>Sets the peer that the PROXY header names.</summary>
    /// <param name="peer">The balancer's client; null keeps the address of the socket.</param>
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

    /// <summary>Stops reading for a cause.</summary>
    public void Pause(PauseCauses cause)
    {
        if (!InputEnded)
        {
            SetPauses(_pauses | cause);
        }
    }

    /// <summary>Removes a cause; reading resumes when none is left.</summary>
    public void Resume(PauseCauses cause) => SetPauses(_pauses & ~cause);

    /// <summary>Ends the input gracefully, and informs the handlers behind <paramref name="context"/>.</summary>
    public void EndInput(IChannelHandlerContext context, CloseReason reason)
    {
        if (!InputEnded)
        {
            _reason ??= reason;
            MoveTo(Stage.InputEnded);
            context.FireUserEventTriggered(new EndOfInput(reason));
        }
    }

    /// <summary>Handles the peer's FIN, behind its last packet.</summary>
    public void PeerFinished(IChannelHandlerContext context)
    {
        _peerHasFinished = true;
        EndInput(context, CloseReason.PeerClosed);
        CloseWhenDone();
    }

    /// <inheritdoc/>
    public void Drain(CloseReason reason)
    {
        if (!_isDraining)
        {
            _isDraining = true;
            _channel.Pipeline.AddFirst("drain", new DrainHandler(this, reason, Loop.Sweep.AvailableBytes));
        }
    }

    /// <summary>Closes when nothing is pending, at the latest after <see cref="PeerDeadlines.GracefulClose"/>.</summary>
    public void CloseWhenDone()
    {
        if (MoveTo(Stage.Finishing))
        {
            PendingChanged();
        }
    }

    /// <inheritdoc/>
    public void Abort(CloseReason reason)
    {
        _reason ??= reason;
        if (MoveTo(Stage.Closing))
        {
            _channel.CloseAsync();
        }
    }

    /// <summary>Handles the end of the connection: its channel became inactive.</summary>
    public void Closed()
    {
        if (MoveTo(Stage.Closed))
        {
            CloseReason reason = _reason ??= CloseReason.PeerClosed;
            Loop.Counters.CountClosed(reason);
            _logger.ConnectionClosed(Source.ConnectionId, Source.Peer, reason);
            CloseReplies()?.Discard();
            PendingChanged();
        }
    }

    /// <summary>Continues closing if nothing is pending any more.</summary>
    public void PendingChanged()
    {
        if (HasPending)
        {
            return;
        }

        if (_stage == Stage.Finishing && !AwaitsLevel)
        {
            EndOutput();
        }
        else if (_stage == Stage.Closed && MoveTo(Stage.Done))
        {
            // Not before: pending batches keep channel and pipeline in memory.
            Loop.Limits.Leave(_limitedAs);
            Loop.Remove(this);
        }
    }

    /// <summary>Runs <paramref name="action"/> on the connection's event loop. Any thread.</summary>
    public void Execute(Action action)
    {
        try
        {
            _channel.EventLoop.Execute(action);
        }
        catch (RejectedExecutionException)
        {
            // The loop has ended, and the drain has dropped what was pending.
        }
    }

    /// <summary>Returns the peer's address; for a Unix socket, whose peers have none, its path.</summary>
    private static EndPoint? PeerOf(IChannel channel) =>
        channel.RemoteAddress is IPEndPoint ip ? ip : channel.LocalAddress as UnixDomainSocketEndPoint;

    /// <summary>Moves to a later stage; does nothing in that stage or a later one.</summary>
    private bool MoveTo(Stage next)
    {
        if (_stage >= next)
        {
            return false;
        }

        _stage = next;
        if (next is not Stage.Open)
        {
            SetPauses(PauseCauses.None); // nothing is read any more, which is no pause
            ApplyReading();
        }

        return true;
    }

    private void SetPauses(PauseCauses pauses)
    {
        PauseCauses changed = _pauses ^ pauses;
        if (changed == PauseCauses.None)
        {
            return;
        }

        foreach ((PauseCauses cause, Counter counter) in PauseCounters)
        {
            if ((changed & cause) != 0)
            {
                Loop.Counters.Add(counter, (pauses & cause) != 0 ? 1 : -1);
            }
        }

        bool was = IsPaused;
        _pauses = pauses;
        _pausedSinceSweep |= IsPaused;
        if (was != IsPaused)
        {
            Loop.Counters.CountPaused(IsPaused ? 1 : -1);
            ApplyReading();
        }
    }

    /// <summary>The only place that sets AutoRead.</summary>
    private void ApplyReading()
    {
        if (_stage < Stage.Closed)
        {
            _channel.Configuration.AutoRead = _stage == Stage.Lingering || (!IsPaused && !InputEnded);
        }
    }
}
