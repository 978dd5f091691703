using System.Net;

namespace DotNettyFraming.Server.Processing;

/// <summary>The connection of packets, as a processor sees it.</summary>
public sealed class PacketSource
{
    internal PacketSource(long connectionId, EndPoint? peer, int eventLoop)
    {
        ConnectionId = connectionId;
        Peer = WithoutMapping(peer);
        EventLoop = eventLoop;
    }

    /// <summary>The number of the connection since the server started, from 1.</summary>
    public long ConnectionId { get; }

    /// <summary>The peer's address and port; null if it left before they were read. With PROXY headers, the balancer's client.</summary>
    public EndPoint? Peer { get; internal set; }

    /// <summary>The subject of the client's verified certificate, <c>CN=device 17</c>; null without <c>--tls-client-ca</c>.</summary>
    public string? CertificateSubject { get; internal set; }

    /// <summary>The address of <see cref="Peer"/>.</summary>
    internal IPAddress? Address => (Peer as IPEndPoint)?.Address;

    /// <summary>The number of the connection's event loop, from 0: for state per loop instead of shared state.</summary>
    public int EventLoop { get; }

    /// <summary>The processor's own state of this connection, used in <see cref="IPacketProcessor.ProcessAsync"/> on one thread.</summary>
    public object? State { get; set; }

    /// <summary>Returns an IPv4 endpoint for an IPv4-mapped one.</summary>
    internal static EndPoint? WithoutMapping(EndPoint? peer) =>
        peer is IPEndPoint { Address.IsIPv4MappedToIPv6: true } mapped
            ? new IPEndPoint(mapped.Address.MapToIPv4(), mapped.Port)
            : peer;
}
