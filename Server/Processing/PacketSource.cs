using System.Net;

namespace DotNettyFraming.Server.Processing;

/// <summary>The connection that packets came on, as a processor sees it.</summary>
public sealed class PacketSource
{
    internal PacketSource(long connectionId, EndPoint? peer, int eventLoop)
    {
        ConnectionId = connectionId;
        Peer = WithoutMapping(peer);
        EventLoop = eventLoop;
    }

    /// <summary>Numbers the connections of this server's life, from 1.</summary>
    public long ConnectionId { get; }

    /// <summary>The peer's address and port; null if it was gone before it could be asked. Behind a balancer that sends PROXY headers,
    /// the balancer's peer, and settled before the first packet.</summary>
    public EndPoint? Peer { get; internal set; }

    /// <summary>The address of <see cref="Peer"/>.</summary>
    internal IPAddress? Address => (Peer as IPEndPoint)?.Address;

    /// <summary>The number of the event loop that serves this connection, from 0: to keep things per loop instead of shared.</summary>
    public int EventLoop { get; }

    /// <summary>Whatever a processor wants to keep for this connection. Only the processor touches it, in
    /// <see cref="IPacketProcessor.ProcessAsync"/>, and so always on one thread.</summary>
    public object? State { get; set; }

    /// <summary>An IPv4 peer as such, also where it came to an IPv6 socket.</summary>
    internal static EndPoint? WithoutMapping(EndPoint? peer) =>
        peer is IPEndPoint { Address.IsIPv4MappedToIPv6: true } mapped
            ? new IPEndPoint(mapped.Address.MapToIPv4(), mapped.Port)
            : peer;
}
