using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// Gives packets to the <see cref="IPacketProcessor"/>, and closes the connection behind the last one. In: <see cref="PacketBatch"/>,
/// <see cref="EndOfInput"/>, a peer's FIN → Out: nothing. Gives <see cref="CloseReason.ProcessingFailed"/> and
/// <see cref="CloseReason.PeerClosed"/>.
/// </summary>
/// <param name="connection">The connection.</param>
/// <param name="processor">The user's code.</param>
/// <param name="forcedStop">Cancelled when the server no longer waits for processing to complete.</param>
internal sealed class ProcessingHandler(Connection connection, IPacketProcessor processor, CancellationToken forcedStop)
    : ChannelHandlerAdapter
{

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

    /// <summary>Frees memory above the budget between two reads of one loop turn. No later handler needs the event.</summary>
    public override void ChannelReadComplete(IChannelHandlerContext context) => connection.Loop.ShedIfRequested();

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        switch (evt)
        {
            case EndOfInput:
                connection.CloseWhenDone();
                break;
            case ChannelInputShutdownEvent: // the peer's FIN, if the transport supports half-close
                connection.PeerFinished(context);
                break;
            default:
                context.FireUserEventTriggered(evt);
                break;
        }
    }

    private void Process(PacketBatch batch)
    {
        int packets = batch.Count;
        connection.Received(batch);
        if (connection.DropsPackets)
        {
            connection.Loop.Counters.CountDropped(packets);
            return;
        }

        ValueTask processing;
        try
        {
            processing = processor.ProcessAsync(batch, connection.Source, forcedStop);
        }
        catch (Exception exception)
        {
            Fail(exception, packets);
            return;
        }

        if (processing.IsCompletedSuccessfully && !connection.IsBehind)
        {
            processing.GetAwaiter().GetResult(); // a pooled task source must have its result taken
            connection.Processed(batch);
        }
        else if (processing.IsCompleted && !processing.IsCompletedSuccessfully)
        {
            // Not in a task: the next batch of this read must not reach the processor.
            Fail(PendingBatches.FailureOf(processing.AsTask()), packets);
        }
        else
        {
            connection.Pending.Add(processing.AsTask(), batch);
        }
    }

    /// <summary>Drops the last batch; earlier ones may be pending and can still be processed.</summary>
    private void Fail(Exception exception, int packets)
    {
        connection.Loop.Counters.CountDropped(packets);
        connection.ProcessingFailed(exception);
    }
}
