using System.Net;
using System.Runtime.CompilerServices;
using DotNetty.Buffers;
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

/// <summary>One accepted connection: its stage, its positions, and the only code that pauses or closes it.</summary>
/// <remarks>
/// <para>Two ways out. <i>Graceful</i>: <see cref="EndInput"/> stops reading and sends <see cref="EndOfInput"/> down the pipeline;
/// <see cref="CloseWhenDone"/> at its end closes when nothing is pending. <i>Abort</i>: <see cref="Abort"/> closes now.
/// The first names the <see cref="CloseReason"/>.</para>
/// <para>Threads: its event loop only.</para>
/// </remarks>
internal sealed class Connection : ILimitedConnection
{
    private readonly IChannel _channel;
    private readonly PacketDecoder _decoder;
    private readonly ILogger _logger;

    private long _openedAt;
    private long _bytesSurveyed;
    private IPAddress? _limitedAs;
    private PeerPatience _patience;
    private PendingBatches? _pending;
    private CloseReason? _reason;
    private Stage _stage;
    private PauseCauses _pauses;
    private bool _pausedSinceSweep;
    private bool _hasFailed;

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
        loop.Counters.CountAccepted();
    }

    /// <summary>The life of a connection. A stage may be skipped, and none comes twice.</summary>
    private enum Stage : byte
    {
        /// <summary>Accepted; the channel is not active yet.</summary>
        Accepted,

        /// <summary>Packets are read and processed, unless paused.</summary>
        Open,

        /// <summary>Nothing more is read; the handlers behind the one that decided this finish what they have.</summary>
        InputEnded,

        /// <summary>Closes when nothing is pending.</summary>
        Finishing,

        /// <summary>The channel has been told to close. Packets that still come are dropped.</summary>
        Closing,

        /// <summary>The channel is closed; packets may be pending, and until they are done the connection counts in <see cref="ConnectionLimits"/>.</summary>
        Closed,

        /// <summary>Closed, and nothing is pending.</summary>
        Done,
    }

    /// <summary>The event loop's share: counters, back-pressure, its connections.</summary>
    public LoopState Loop { get; }

    /// <summary>The connection as processors see it.</summary>
    public PacketSource Source { get; }

    /// <summary>Batches whose processing has not completed; made when there is a first one, as with the default processor there is none.</summary>
    public PendingBatches Pending => _pending ??= new PendingBatches(this);

    /// <inheritdoc/>
    public long PendingCost => _pending?.Cost ?? 0;

    /// <summary>Whether something received has neither been processed nor given up.</summary>
    public bool HasPending => _pending is { IsEmpty: false };

    /// <summary>Packets received, counted from the connection's first.</summary>
    public long PacketsReceived { get; private set; }

    /// <summary>Packets processed without a gap, counted from the connection's first: the position that can be acknowledged.</summary>
    public long PacketsProcessed { get; private set; }

    /// <summary>The pipeline, so that a handler can be added later (<see cref="DrainHandler"/>).</summary>
    public IChannelPipeline Pipeline => _channel.Pipeline;

    /// <summary>Whether nothing more is going to be read.</summary>
    public bool InputEnded => _stage >= Stage.InputEnded;

    /// <summary>Whether packets that still come are dropped: processing failed, or the connection was closed.</summary>
    public bool DropsPackets => _stage >= Stage.Closing;

    /// <summary>Whether the server does not read the connection for the moment.</summary>
    public bool IsPaused => _pauses != PauseCauses.None;

    /// <summary>Who awaits the PROXY header; null where none is awaited, or no longer.</summary>
    public ProxyHeaderHandler? AwaitedProxyHeader { get; set; }

    /// <summary>Who decrypts; null without TLS.</summary>
    public TlsHandler? Tls { get; set; }

    /// <summary>The channel became active.</summary>
    public void Opened()
    {
        if (_stage >= Stage.Closed)
        {
            return;
        }

        _openedAt = Loop.Sweep.Now;
        MoveTo(Stage.Open);
        Loop.BackPressure.Opened(this);
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

    /// <summary>A batch came out of the decoder.</summary>
    public void Received(PacketBatch batch)
    {
        PacketsReceived += batch.Count;
        Loop.Counters.CountReceived(batch);
    }

    /// <summary>Moves the position up to which every packet is processed.</summary>
    public void ProcessedTo(long position)
    {
        Loop.Counters.CountProcessed(position - PacketsProcessed);
        PacketsProcessed = position;
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
        IsPaused,
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
            before > 0 ? _patience.HeldSince(MarkBeforePackets, now) : now);
        return new HeldPart(this, since, packet + before);
    }

    /// <summary>Judges whether the peer takes too long; called once per sweep.</summary>
    /// <param name="now">The sweep's time.</param>
    /// <param name="step">Since the sweep before.</param>
    /// <param name="limits">How long the peer may take.</param>
    /// <returns>The reason to close; null for none.</returns>
    public CloseReason? JudgePeer(long now, long step, PeerDeadlines limits)
    {
        if (_stage >= Stage.Closing)
        {
            return null;
        }

        bool isRead = !_pausedSinceSweep && !InputEnded;
        _pausedSinceSweep = IsPaused;
        var progress = new PeerProgress(
            isRead,
            AwaitsProxyHeader: AwaitedProxyHeader is not null,
            AwaitsHandshake: Tls is { IsHandshakePending: true },
            _decoder.BytesReceived,
            _decoder.UnfinishedPacketOffset,
            MarkBeforePackets,
            UnsentMark());
        CloseReason? due = _patience.Look(progress, now, step, limits);
        if (due is not null && due != CloseReason.WriteTimeout && Loop.Sweep.AvailableBytes(_channel) > 0)
        {
            return null; // it did send, and the loop has not read it yet
        }

        return due ?? (_stage == Stage.Finishing && _patience.IsClosingOverdue(now, limits) ? _reason : null);
    }

    /// <summary>Stops reading for good, and tells the handlers behind <paramref name="context"/>: the graceful way out.</summary>
    public void EndInput(IChannelHandlerContext context, CloseReason reason)
    {
        if (!InputEnded)
        {
            _reason ??= reason;
            MoveTo(Stage.InputEnded);
            context.FireUserEventTriggered(new EndOfInput(reason));
        }
    }

    /// <summary>Closes when nothing is pending, or after <see cref="PeerDeadlines.OrderlyClose"/>, while the work goes on.</summary>
    public void CloseWhenDone()
    {
        if (MoveTo(Stage.Finishing))
        {
            PendingChanged();
        }
    }

    /// <summary>Closes now. What is pending is processed all the same.</summary>
    public void Abort(CloseReason reason)
    {
        _reason ??= reason;
        if (MoveTo(Stage.Closing))
        {
            _channel.CloseAsync();
        }
    }

    /// <summary>Counts memory of a handler in front of the decoder into the <see cref="BufferBudget"/>; on the event loop.</summary>
    /// <param name="change">Bytes; negative when memory is released.</param>
    public void HeldBeforePackets(int change) => Loop.Counters.Bytes.Allocated(change);

    /// <summary>Closes for the memory that is held, and releases it immediately; never inside a read of this connection.</summary>
    public void Shed()
    {
        _decoder.Abandon();
        Abort(CloseReason.BufferBudget);
        AwaitedProxyHeader?.Forget();
        Tls?.LetGo(); // after close_notify
    }

    /// <summary>The channel became inactive: the last event of a connection.</summary>
    public void Closed()
    {
        if (MoveTo(Stage.Closed))
        {
            CloseReason reason = _reason ??= CloseReason.PeerClosed;
            Loop.Counters.CountClosed(reason);
            _logger.ConnectionClosed(Source.ConnectionId, Source.Peer, reason);
            PendingChanged();
        }
    }

    /// <summary>Processing failed: closes the connection, and logs the first failure. The caller has dropped the packets.</summary>
    public void ProcessingFailed(Exception exception)
    {
        if (!_hasFailed)
        {
            _hasFailed = true;
            _logger.ProcessingFailed(exception, Source.ConnectionId, Source.Peer);
            Abort(CloseReason.ProcessingFailed);
        }
    }

    /// <summary>Takes the step that waited for what was pending, if nothing is pending any more.</summary>
    public void PendingChanged()
    {
        if (HasPending)
        {
            return;
        }

        if (_stage == Stage.Finishing)
        {
            Abort(_reason ?? CloseReason.PeerClosed);
        }
        else if (_stage == Stage.Closed && MoveTo(Stage.Done))
        {
            // Not before: until here channel and pipeline are in memory.
            Loop.Limits.Leave(_limitedAs);
            Loop.Remove(this);
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

    /// <summary>Returns a number that changes with each byte of the waiting output that the peer takes; −1 when none waits.</summary>
    private long UnsentMark() => _channel.Unsafe.OutboundBuffer?.Current is { } next
        ? ((long)RuntimeHelpers.GetHashCode(next) << 32) | (uint)((next as IByteBuffer)?.ReadableBytes ?? 0)
        : -1;

    /// <summary>Goes to a later stage; does nothing in that stage or a later one.</summary>
    private bool MoveTo(Stage next)
    {
        if (_stage >= next)
        {
            return false;
        }

        _stage = next;
        if (next is Stage.InputEnded or Stage.Finishing or Stage.Closing or Stage.Closed)
        {
            SetPauses(PauseCauses.None); // not being read is no pause any more
            ApplyReading();
        }

        return true;
    }

    private void SetPauses(PauseCauses pauses)
    {
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
            _channel.Configuration.AutoRead = !IsPaused && !InputEnded;
        }
    }
}
