using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// Hands packets to the <see cref="IPacketProcessor"/>, and closes the connection behind the last of them.
/// In: <see cref="PacketBatch"/>, <see cref="EndOfInput"/>, a peer's FIN → Out: nothing. Gives
/// <see cref="CloseReason.ProcessingFailed"/> and <see cref="CloseReason.PeerClosed"/>.
/// </summary>
internal sealed class ProcessingHandler : ChannelHandlerAdapter
{
    private readonly Connection _connection;
    private readonly IPacketProcessor _processor;
    private readonly CancellationToken _forcedStop;

    /// <param name="connection">The connection.</param>
    /// <param name="processor">What to do with packets.</param>
    /// <param name="forcedStop">Cancelled when the server waits no longer for processing to complete.</param>
    public ProcessingHandler(Connection connection, IPacketProcessor processor, CancellationToken forcedStop)
    {
        _connection = connection;
        _processor = processor;
        _forcedStop = forcedStop;
    }

    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        if (message is not PacketBatch batch)
        {
            context.FireChannelRead(message);
            return;
        }

        try
        {
            Process(batch);
        }
        finally
        {
            batch.Release();
        }
    }

    /// <summary>Ends here: no handler behind needs it. Memory above the budget is freed between two reads, not only after all of a turn.</summary>
    public override void ChannelReadComplete(IChannelHandlerContext context) => _connection.Loop.ShedIfRequested();

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        switch (evt)
        {
            case EndOfInput:
                _connection.CloseWhenDone();
                break;
            case ChannelInputShutdownEvent: // the peer's FIN, where the transport can do half-close
                _connection.EndInput(context, CloseReason.PeerClosed);
                _connection.CloseWhenDone();
                break;
            default:
                context.FireUserEventTriggered(evt);
                break;
        }
    }

    private void Process(PacketBatch batch)
    {
        int packets = batch.Count;
        _connection.Received(batch);
        if (_connection.DropsPackets)
        {
            _connection.Loop.Counters.CountDropped(packets);
            return;
        }

        ValueTask processing;
        try
        {
            processing = _processor.ProcessAsync(batch, _connection.Source, _forcedStop);
        }
        catch (Exception exception)
        {
            Fail(exception, packets);
            return;
        }

        if (processing.IsCompletedSuccessfully && !_connection.HasPending)
        {
            processing.GetAwaiter().GetResult(); // a pooled task source wants its result taken
            _connection.ProcessedTo(_connection.PacketsReceived);
        }
        else if (processing.IsCompleted && !processing.IsCompletedSuccessfully)
        {
            // Here and not in a task later: the next batch of this read must not reach the processor.
            Fail(PendingBatches.FailureOf(processing.AsTask()), packets);
        }
        else
        {
            _connection.Pending.Add(processing.AsTask(), packets, batch.DetachedBytes);
        }
    }

    /// <summary>The batch received last failed while earlier ones may be pending: those can still be processed.</summary>
    private void Fail(Exception exception, int packets)
    {
        _connection.Loop.Counters.CountDropped(packets);
        _connection.ProcessingFailed(exception);
    }
}
