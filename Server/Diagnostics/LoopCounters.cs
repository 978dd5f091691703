using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Diagnostics;

/// <summary>What happened on one event loop, counted since start.</summary>
/// <remarks>
/// Only that event loop writes, with plain additions: nothing on the packet path is shared between threads. Anybody reads;
/// <see cref="ServerCounters"/> adds the loops up.
/// </remarks>
internal sealed class LoopCounters
{
    private readonly long[] _closed = new long[Enum.GetValues<CloseReason>().Length];
    private long _accepted;
    private long _paused;
    private long _packetsReceived;
    private long _packetsProcessed;
    private long _packetsDropped;
    private long _payloadBytes;

    /// <summary>Byte counts, which the loop's decoders keep.</summary>
    public DecoderCounters Bytes { get; } = new();

    /// <summary>Looks at each batch; null where nobody can ask what it saw (<c>--admin off</c>). Set before the loop's first connection.</summary>
    public BatchRecorder? Recorder { get; set; }

    /// <summary>For how long connections have been held back.</summary>
    public PausedTime PausedTime { get; } = new();

    /// <summary>Connections that came to this loop.</summary>
    public long Accepted => Volatile.Read(ref _accepted);

    /// <summary>Connections held back at the moment because processing lags behind.</summary>
    public long Paused => Volatile.Read(ref _paused);

    /// <summary>Packets found whole.</summary>
    public long PacketsReceived => Volatile.Read(ref _packetsReceived);

    /// <summary>Packets whose processing completed.</summary>
    public long PacketsProcessed => Volatile.Read(ref _packetsProcessed);

    /// <summary>Packets received whose processing failed, or was given up when the drain expired.</summary>
    public long PacketsDropped => Volatile.Read(ref _packetsDropped);

    /// <summary>Payload bytes of the packets received.</summary>
    public long PayloadBytes => Volatile.Read(ref _payloadBytes);

    /// <summary>Connections that ended for <paramref name="reason"/>.</summary>
    public long Closed(CloseReason reason) => Volatile.Read(ref _closed[(int)reason]);

    /// <summary>A connection was accepted.</summary>
    public void CountAccepted() => _accepted++;

    /// <summary>A connection ended; once for each accepted one.</summary>
    public void CountClosed(CloseReason reason) => _closed[(int)reason]++;

    /// <summary>A connection is held back (+1), or no longer (−1).</summary>
    public void CountPaused(int change)
    {
        _paused += change;
        PausedTime.Change(change);
    }

    /// <summary>Whole packets came out of the decoder.</summary>
    public void CountReceived(PacketBatch batch)
    {
        _packetsReceived += batch.Count;
        _payloadBytes += batch.PayloadByteCount;
        Recorder?.Record(batch);
    }

    /// <summary>Packets are done with.</summary>
    public void CountProcessed(long packets) => _packetsProcessed += packets;

    /// <summary>Packets were received and will not be processed.</summary>
    public void CountDropped(int packets) => _packetsDropped += packets;
}
