using System.Net;
using System.Runtime.CompilerServices;
using DotNetty.Buffers;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline.Output;
using DotNettyFraming.Server.Pipeline.Proxy;
using DotNettyFraming.Server.Pipeline.Tls;
using DotNettyFraming.Server.Processing;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>One accepted connection: its stage, its positions, and the only code that pauses or closes it.</summary>
/// <remarks>
/// It ends in one of two ways. <i>Graceful</i>: <see cref="EndInput"/> stops reading and sends <see cref="EndOfInput"/> down the pipeline;
/// <see cref="CloseWhenDone"/> waits for pending packets, sends all output, half-closes, and closes at the peer's FIN or a second later.
/// <i>Abort</i>: <see cref="Abort"/> closes immediately. The first <see cref="CloseReason"/> counts. Threads: its event loop, except
/// replies.
/// </remarks>
internal sealed class Connection : ILimitedConnection, IReplySink, ISinkConnection
{
    private const double GoldenRatio = 1.618033988749895;

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

    private long _openedAt;
    private long _bytesSurveyed;
    private IPAddress? _limitedAs;
    private PeerPatience _patience;
    private SinkState _sinkState;
    private PendingBatches? _pending;
    private ReplyQueue? _replies;
    private ConnectionOutput? _output;
    private CloseReason? _reason;
    private Stage _stage;
    private PauseCauses _pauses;
    private bool _pausedSinceSweep;
    private bool _hasFailed;
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
        Source = new PacketSource(id, channel.RemoteAddress, loop.Index, this);
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

    /// <summary>The batches that are not processed yet; created for the first one, as the default processor has none.</summary>
    public PendingBatches Pending => _pending ??= new PendingBatches(this);

    /// <inheritdoc/>
    public long PendingCost => _pending?.Cost ?? 0;

    /// <summary>Whether packets are received that are not processed or dropped yet.</summary>
    public bool HasPending => _pending is { IsEmpty: false };

    /// <summary>Whether an earlier batch keeps the next one from being done when its processing completes.</summary>
    public bool IsBehind => _pending is { IsBehind: true };

    /// <summary>The packets received.</summary>
    public long PacketsReceived { get; private set; }

    /// <summary>The packets processed without a gap, counted from the first.</summary>
    public long PacketsProcessed { get; private set; }

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

    /// <summary>Counts a batch from the decoder.</summary>
    public void Received(PacketBatch batch)
    {
        PacketsReceived += batch.Count;
        Loop.Counters.CountReceived(batch);
    }

    /// <summary>Handles the completion of a batch's processing, with nothing in front of it: it is done, or goes to the store.</summary>
    public void Processed(PacketBatch batch)
    {
        if (Loop.Turn.Sink is null)
        {
            ProcessedTo(PacketsReceived);
        }
        else
        {
            Pending.Append(batch);
        }
    }

    /// <summary>Moves the position up to which every packet is processed, and stored if there is a store.</summary>
    public void ProcessedTo(long position)
    {
        Loop.Counters.CountProcessed(position - PacketsProcessed);
        PacketsProcessed = position;
        Reached(AckLevel.Processed, position);
        if (Loop.Turn.Sink is not null)
        {
            Reached(AckLevel.Stored, position);
        }
    }

    /// <inheritdoc/>
    long ISinkConnection.Id => Source.ConnectionId;

    /// <inheritdoc/>
    string ISinkConnection.Peer => Source.Peer?.ToString() ?? "";

    /// <inheritdoc/>
    ref SinkState ISinkConnection.SinkState => ref _sinkState;

    /// <inheritdoc/>
    void ISinkConnection.Stored(long position)
    {
        if (HasPending) // else a forced stop has dropped the packets
        {
            Pending.ProcessedTo(position);
            PendingChanged();
        }
    }

    /// <summary>Moves the position up to which every packet is done at a level; only the acknowledged level counts.</summary>
    public void Reached(AckLevel level, long position)
    {
        if (Loop.Acknowledger is { } acks && acks.Level == level && Output.MoveTo(position))
        {
            RequestFlush();
        }
    }

    /// <summary>Flushes the output at the end of the loop turn. Any thread.</summary>
    public void RequestFlush() => Loop.Turn.Request(this);

    /// <summary>Sends the output that waits, pauses while the peer does not read it, and closes behind the last of it.</summary>
    public void FlushOutput()
    {
        if (_stage >= Stage.Lingering)
        {
            return;
        }

        ReplyQueue? replies = Volatile.Read(ref _replies);
        Output.Flush(replies, isLast: _stage == Stage.Flushing);
        long unread = replies?.Unread ?? 0;
        if (Loop.UnreadReplies.MustPause(unread))
        {
            Pause(PauseCauses.RepliesUnread);
        }
        else if (Loop.UnreadReplies.MayResume(unread))
        {
            Resume(PauseCauses.RepliesUnread);
        }

        if (_stage == Stage.Flushing && Output.IsIdle)
        {
            HalfClose();
        }
    }

    /// <summary>Sends the number that was reached in an interval between two acknowledgements.</summary>
    public void EndAckInterval()
    {
        if (Output.EndInterval())
        {
            FlushOutput();
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

    /// <summary>The bytes received since the previous survey, or since it opened.</summary>
    public long BytesSinceSurvey => _decoder.BytesReceived - _bytesSurveyed;

    /// <summary>Returns its state for the live page.</summary>
    /// <param name="sinceSurvey">The time since the previous survey.</param>
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

    /// <summary>Marks the end of a survey.</summary>
    public void Surveyed() => _bytesSurveyed = _decoder.BytesReceived;

    /// <summary>Returns the memory that it holds for unfinished input: a packet, a PROXY header, a TLS handshake or record.</summary>
    /// <param name="now">The time for input that no sweep has seen yet.</param>
    public HeldPart HeldPart(long now)
    {
        int packet = _decoder.UnfinishedPacketCapacity;
        int before = (AwaitedProxyHeader?.HeldBytes ?? 0) + (Tls?.HeldBytes ?? 0);
        long since = Math.Min(
            packet > 0 ? _patience.PacketSince(_decoder.UnfinishedPacketOffset, now) : now,
            before > 0 ? _patience.HeldSince(MarkBeforePackets, now) : now);
        return new HeldPart(this, since, packet + before);
    }

    /// <inheritdoc/>
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
            UnsentMark())
        {
            AwaitsAcknowledgement = AwaitsAcknowledgement,
        };
        CloseReason? due = _patience.Check(progress, now, step, limits);
        if (due is not null && due != CloseReason.WriteTimeout && Loop.Sweep.AvailableBytes(_channel) > 0)
        {
            return null; // it did send; the loop has not read it yet
        }

        return due ?? JudgeClosing(now, limits);
    }

    /// <summary>Returns the reason to close that this connection has itself, null for none; repeats an acknowledgement.</summary>
    private CloseReason? JudgeClosing(long now, PeerDeadlines limits)
    {
        switch (_stage)
        {
            case Stage.Open when !_isDraining && IsTooOld(limits.MaxAge):
                return CloseReason.MaxAge;
            case Stage.Finishing when _patience.IsOver((long)_stage, now, limits.GracefulClose):
                EndOutput();
                break;
            case Stage.Lingering when _patience.IsOver((long)_stage, now, limits.Linger):
                return _reason;
        }

        bool waits = AwaitsAcknowledgement;
        if (_stage < Stage.Flushing && (waits ? Output : _output) is { } output && output.RepeatIfDue(waits, now))
        {
            RequestFlush();
        }

        return null;
    }

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

    /// <summary>Counts memory of a handler in front of the decoder in the <see cref="BufferBudget"/>; negative when released.</summary>
    public void HeldBeforePackets(int change) => Loop.Counters.Bytes.Allocated(change);

    /// <summary>Closes the connection for its memory, and releases that immediately; never inside a read of this connection.</summary>
    public void Shed()
    {
        _decoder.Abandon();
        Abort(CloseReason.BufferBudget);
        AwaitedProxyHeader?.Release();
        Tls?.Release(); // after close_notify
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

    /// <summary>Closes the connection after a failure of the processor, and logs the first one. The caller drops the packets.</summary>
    public void ProcessingFailed(Exception exception)
    {
        if (!_hasFailed)
        {
            _hasFailed = true;
            _logger.ProcessingFailed(exception, Source.ConnectionId, Source.Peer);
            _reason ??= CloseReason.ProcessingFailed;
            MoveTo(Stage.InputEnded);
            CloseWhenDone();
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

    /// <summary>Identifies what is held in front of the decoder; see <see cref="TlsHandler.HeldMark"/>.</summary>
    private long MarkBeforePackets => AwaitedProxyHeader is not null ? 0 : Tls?.HeldMark ?? -1;

    /// <summary>Returns a number that changes with each byte of the waiting output that the kernel takes; −1 when none waits.</summary>
    private long UnsentMark() => _channel.Unsafe.OutboundBuffer?.Current is { } next
        ? ((long)RuntimeHelpers.GetHashCode(next) << 32) | (uint)((next as IByteBuffer)?.ReadableBytes ?? 0)
        : -1;

    private ConnectionOutput Output => _output ??= new ConnectionOutput(this, _channel);

    /// <summary>Whether processed packets have not reached the acknowledged level.</summary>
    private bool AwaitsLevel => Loop.Acknowledger is not null && (_output?.Done ?? 0) < PacketsProcessed;

    /// <summary>Whether packets received wait to be acknowledged.</summary>
    private bool AwaitsAcknowledgement => Loop.Acknowledger is not null && !_hasFailed && (_output?.Done ?? 0) < PacketsReceived;

    /// <inheritdoc/>
    bool IReplySink.TrySend(ReadOnlySpan<byte> header, ReadOnlySpan<byte> body)
    {
        ReplyQueue? replies = Volatile.Read(ref _replies);
        if (replies is null)
        {
            var created = new ReplyQueue(Loop.UnreadReplies);
            replies = Interlocked.CompareExchange(ref _replies, created, null) ?? created;
        }

        bool isAccepted = replies.Add(_channel.Allocator, header, body, out bool requestTurn);
        if (requestTurn)
        {
            RequestFlush();
        }

        return isAccepted;
    }

    /// <summary>Refuses further replies; returns the queue, null if there was never a reply.</summary>
    private ReplyQueue? CloseReplies()
    {
        ReplyQueue? replies = Interlocked.CompareExchange(ref _replies, ReplyQueue.Closed, null);
        replies?.Close();
        return replies;
    }

    /// <summary>Sends the replies that wait and the last acknowledgement, and closes behind them.</summary>
    private void EndOutput()
    {
        if (MoveTo(Stage.Flushing))
        {
            CloseReplies();
            FlushOutput();
        }
    }

    /// <summary>Sends a FIN and discards input, so that the peer can read the last answers; closes if nothing was sent.</summary>
    private void HalfClose()
    {
        if (_peerHasFinished || !Output.HasSent || Loop.Sockets.ShutdownOutput is not { } shutdownOutput)
        {
            Abort(_reason ?? CloseReason.PeerClosed);
        }
        else if (MoveTo(Stage.Lingering))
        {
            Tls?.EndOutput();
            _channel.Pipeline.AddFirst("discard", new DiscardHandler(this));
            shutdownOutput(_channel);
            ApplyReading();
        }
    }

    /// <summary>Whether it is older than the limit, which differs by up to a tenth per connection, so that not all close together.</summary>
    private bool IsTooOld(TimeSpan max) =>
        max > TimeSpan.Zero && Loop.Sweep.Since(_openedAt) >= max * (0.9 + (0.2 * (Source.ConnectionId * GoldenRatio % 1)));

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
