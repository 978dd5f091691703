using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Processing;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// Hands packets to the <see cref="IPacketProcessor"/>, and closes the connection behind the last of them.
/// In: <see cref="PacketBatch"/>, <see cref="EndOfInput"/> → Out: nothing. Gives
/// <see cref="Diagnostics.CloseReason.ProcessingFailed"/>.
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

    public override void UserEventTriggered(IChannelHandlerContext context, object evt)
    {
        if (evt is EndOfInput)
        {
            _connection.CloseWhenDone();
        }
        else
        {
            context.FireUserEventTriggered(evt);
        }
    }

    private void Process(PacketBatch batch)
    {
        int packets = batch.Count;
        int bytes = batch.ByteCount;
        _connection.Loop.Counters.CountReceived(batch);
        if (_connection.HasFailed)
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
            _connection.ProcessingFailed(exception, packets);
            return;
        }

        if (processing.IsCompletedSuccessfully && _connection.Pending.IsEmpty)
        {
            processing.GetAwaiter().GetResult(); // a pooled task source wants its result taken
            _connection.Loop.Counters.CountProcessed(packets);
        }
        else
        {
            _connection.Pending.Add(processing.AsTask(), packets, bytes);
        }
    }
}
