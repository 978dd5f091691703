using DotNettyFraming.Codec;
using DotNettyFraming.Server.Processing;

namespace MyServer;

/// <summary>Answers each packet with its payload.</summary>
public sealed class EchoProcessor : IPacketProcessor
{
    public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
    {
        uint now = (uint)DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        foreach (Packet packet in batch)
        {
            source.Reply(new OutgoingPacket(now, packet.Payload.ToArray()));
        }

        return ValueTask.CompletedTask;
    }
}
