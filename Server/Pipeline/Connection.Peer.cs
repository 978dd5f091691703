using System.Runtime.CompilerServices;
using DotNetty.Buffers;
using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline.Tls;

namespace DotNettyFraming.Server.Pipeline;

/// <content>What is observed of the peer: time-outs, memory for unfinished input, and its state for the live page.</content>
internal sealed partial class Connection
{
    private long _openedAt;
    private long _bytesSurveyed;
    private PeerPatience _patience;
    private bool _pausedSinceSweep;

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

    /// <summary>Identifies what is held in front of the decoder; see <see cref="TlsHandler.HeldMark"/>.</summary>
    private long MarkBeforePackets => AwaitedProxyHeader is not null ? 0 : Tls?.HeldMark ?? -1;

    /// <summary>Returns a number that changes with each byte of the waiting output that the kernel takes; −1 when none waits.</summary>
    private long UnsentMark() => _channel.Unsafe.OutboundBuffer?.Current is { } next
        ? ((long)RuntimeHelpers.GetHashCode(next) << 32) | (uint)((next as IByteBuffer)?.ReadableBytes ?? 0)
        : -1;

    /// <summary>Whether it is older than the limit ±10 %, so that connections made together do not close together.</summary>
    private bool IsTooOld(TimeSpan max)
    {
        // Multiples of the golden ratio: numbers that follow each other are far apart, and any range of them is spread evenly.
        double spread = unchecked((uint)(Source.ConnectionId * 0x9E3779B9)) / (double)uint.MaxValue;
        return max > TimeSpan.Zero && Loop.Sweep.Since(_openedAt) >= max * (0.9 + (0.2 * spread));
    }
}
