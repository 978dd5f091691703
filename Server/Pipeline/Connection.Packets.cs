using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Pipeline;

/// <content>The packets of the connection: how many are received, pending and done.</content>
internal sealed partial class Connection : ISinkConnection
{
    private SinkState _sinkState;
    private PendingBatches? _pending;
    private bool _hasFailed;

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
}
