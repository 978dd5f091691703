using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;

namespace DotNettyFraming.Server.Hosting;

/// <summary>The one place that says which transport carries the connections: DotNetty's own, on .NET's sockets.</summary>
/// <remarks>It has no half-close: a peer's FIN closes the channel. What was received is processed all the same.</remarks>
internal static class SocketTransport
{
    /// <summary>Its name, for the log.</summary>
    public const string Name = "sockets";

    /// <summary>Makes event loops.</summary>
    public static IEventLoopGroup NewEventLoops(int count) => new MultithreadEventLoopGroup(count);

    /// <summary>Makes a channel that can listen on <paramref name="address"/>; null is any address, IPv4 and IPv6.</summary>
    public static IServerChannel NewServerChannel(IPAddress? address) =>
        address is null ? new TcpServerSocketChannel() : new TcpServerSocketChannel(address.AddressFamily);

    /// <summary>How many bytes lie unread in the channel's socket.</summary>
    public static int AvailableBytes(IChannel channel)
    {
        try
        {
            return SocketOf((AbstractSocketChannel)channel).Available;
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            return 0; // closed or reset meanwhile: nothing will be read from it
        }
    }

    /// <summary>DotNetty keeps the socket to itself, and draining has to know when it is empty.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "Socket")]
    private static extern ref Socket SocketOf(AbstractSocketChannel channel);
}
