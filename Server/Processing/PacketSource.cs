using System.Net;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Server.Processing;

/// <summary>The connection of packets, as a processor sees it.</summary>
public sealed class PacketSource
{
    private readonly IReplySink? _replies;
    private readonly HeaderLayout _header;

    internal PacketSource(long connectionId, EndPoint? peer, int eventLoop, IReplySink? replies = null, HeaderLayout? header = null)
    {
        _replies = replies;
        _header = header ?? HeaderLayout.Default;
        ConnectionId = connectionId;
        Peer = WithoutMapping(peer);
        EventLoop = eventLoop;
    }

    /// <summary>The connection's number: from 1 since the server started; with a store, unique within its node for all time.</summary>
    public long ConnectionId { get; }

    /// <summary>The peer's address and port; null if it left before they were read. With PROXY headers, the balancer's client.</summary>
    /// <remarks>Over a Unix socket, the socket's path.</remarks>
    public EndPoint? Peer { get; internal set; }

    /// <summary>The subject of the client's verified certificate, <c>CN=device 17</c>; null without <c>--tls-client-ca</c>.</summary>
    public string? CertificateSubject { get; internal set; }

    /// <summary>The address of <see cref="Peer"/>.</summary>
    internal IPAddress? Address => (Peer as IPEndPoint)?.Address;

    /// <summary>The number of the connection's event loop, from 0: for state per loop instead of shared state.</summary>
    public int EventLoop { get; }

    /// <summary>The processor's own state of this connection, used in <see cref="IPacketProcessor.ProcessAsync"/> on one thread.</summary>
    public object? State { get; set; }

    /// <summary>Sends a packet to the peer. Any thread.</summary>
    /// <param name="packet">The packet, which is copied.</param>
    /// <returns>
    /// Whether it is queued, behind all earlier replies of this connection. False if the connection is closing, or if too many replies wait
    /// because peers do not read. A connection that ends waits for the tasks of its batches, so reply before they complete.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">No header of the layout can announce a payload of this length.</exception>
    /// <remarks>Replies are sent together at the end of a loop turn. Reading pauses while 64 KiB of them are unread.</remarks>
    public bool Reply(OutgoingPacket packet)
    {
        ArgumentNullException.ThrowIfNull(packet);
        Span<byte> header = stackalloc byte[HeaderLayout.LongestHeader];
        int length = _header.WriteHeader(header, packet.Payload.Length, packet.Time);
        return _replies?.TrySend(header[..length], packet.Payload.Span) ?? false;
    }

    /// <summary>Sends bytes to the peer without a header, for protocols whose answers have none. Any thread.</summary>
    /// <param name="bytes">The bytes, which are copied.</param>
    /// <returns>Whether they are queued, as for <see cref="Reply(OutgoingPacket)"/>.</returns>
    public bool Reply(ReadOnlySpan<byte> bytes) => _replies?.TrySend([], bytes) ?? false;

    /// <summary>Returns an IPv4 endpoint for an IPv4-mapped one.</summary>
    internal static EndPoint? WithoutMapping(EndPoint? peer) =>
        peer is IPEndPoint { Address.IsIPv4MappedToIPv6: true } mapped
            ? new IPEndPoint(mapped.Address.MapToIPv4(), mapped.Port)
            : peer;
}
