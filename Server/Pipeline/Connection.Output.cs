using DotNettyFraming.Server.Limits;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline.Output;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Pipeline;

/// <content>The output of the connection: replies, acknowledgements, and its end.</content>
internal sealed partial class Connection : IReplySink
{
    private ReplyQueue? _replies;
    private ConnectionOutput? _output;

    /// <summary>Moves the position up to which every packet is done at a level; only the acknowledged level counts.</summary>
    public void Reached(AckLevel level, long position)
    {
        if (Loop.Acknowledger is { } acks && acks.Level == level && Output.MoveTo(position))
        {
            RequestFlush();
        }
    }

    /// <summary>Moves the position up to which every packet is forwarded; after a failover the same packets come again.</summary>
    public void Forwarded(long position)
    {
        if (position > (_output?.Done ?? 0))
        {
            Reached(AckLevel.Forwarded, position);
            PendingChanged();
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
        if (!MoveTo(Stage.Flushing))
        {
            return;
        }

        if (CloseReplies() is null && _output is null)
        {
            Abort(_reason ?? CloseReason.PeerClosed);
        }
        else
        {
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
}
