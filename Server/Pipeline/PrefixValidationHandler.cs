using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// Ends the input at a framing fault; the packets before it are finished. In: <see cref="PacketBatch"/>, <see cref="FramingFault"/> → Out:
/// <see cref="PacketBatch"/>, <see cref="EndOfInput"/>. Gives <see cref="CloseReason.InvalidPrefix"/>,
/// <see cref="CloseReason.PayloadTooLarge"/> and <see cref="CloseReason.InvalidLength"/>.
/// </summary>
/// <remarks>The decoder reads each header anyway, so it finds the fault. This handler decides what a fault means.</remarks>
internal sealed class PrefixValidationHandler(Connection connection, ILogger logger) : ChannelHandlerAdapter
{
    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        if (message is not FramingFault fault)
        {
            context.FireChannelRead(message);
            return;
        }

        CloseReason reason = fault.Kind switch
        {
            FramingFaultKind.InvalidPrefix => CloseReason.InvalidPrefix,
            FramingFaultKind.PayloadTooLarge => CloseReason.PayloadTooLarge,
            _ => CloseReason.InvalidLength,
        };
        logger.ProtocolFault(connection.Source.ConnectionId, connection.Source.Peer, reason, fault.Offset, fault.Found);
        connection.EndInput(context, reason);
    }
}
