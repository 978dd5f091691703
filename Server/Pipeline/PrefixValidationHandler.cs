using DotNetty.Transport.Channels;
using DotNettyFraming.Codec;
using DotNettyFraming.Server.Metrics;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline;

/// <summary>
/// Decides what a peer that breaks the protocol gets: no more input is read, the packets before the fault are finished, and
/// the connection closes. In: <see cref="PacketBatch"/>, <see cref="FramingFault"/> → Out: <see cref="PacketBatch"/>,
/// <see cref="EndOfInput"/>. Gives <see cref="CloseReason.InvalidPrefix"/> and <see cref="CloseReason.PayloadTooLarge"/>.
/// </summary>
/// <remarks>
/// The decoder, which has to look at each first byte anyway, finds the fault; what it means is decided here. A batch needs no
/// second look.
/// </remarks>
internal sealed class PrefixValidationHandler : ChannelHandlerAdapter
{
    private readonly Connection _connection;
    private readonly ILogger _logger;

    public PrefixValidationHandler(Connection connection, ILogger logger)
    {
        _connection = connection;
        _logger = logger;
    }

    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        if (message is not FramingFault fault)
        {
            context.FireChannelRead(message);
            return;
        }

        CloseReason reason = fault.Kind == FramingFaultKind.InvalidPrefix ? CloseReason.InvalidPrefix : CloseReason.PayloadTooLarge;
        _logger.ProtocolFault(_connection.Source.ConnectionId, _connection.Source.Peer, reason, fault.Offset, fault.Found);
        _connection.EndInput(context, reason);
    }
}
