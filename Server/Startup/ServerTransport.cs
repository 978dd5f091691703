using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Server.Startup;

/// <summary>What differs from transport to transport; the one place where one is chosen.</summary>
/// <param name="Name">Its name, as <c>--transport</c> and the log have it.</param>
/// <param name="NewEventLoops">Starts so many event loops.</param>
/// <param name="NewListener">Makes a channel that can listen on an address, IPv6 ones without IPv4; null is any address, IPv4 and IPv6.</param>
/// <param name="AdoptListener">Makes one of a listening socket's descriptor; null where the transport cannot.</param>
/// <param name="ReceiveBuffers">What connections receive into; null where the event loop sees to that itself.</param>
/// <param name="LoadOf">What tells the load of one of its event loops; null where they do not tell.</param>
/// <param name="AcceptErrors">What a listener counts; null where it does not.</param>
/// <param name="IsListening">Asks the kernel whether a listener's socket still listens; any thread.</param>
/// <param name="AvailableBytes">How many bytes lie unread in a connection's socket.</param>
internal sealed record ServerTransport(
    string Name,
    Func<int, MultithreadEventLoopGroup> NewEventLoops,
    Func<IPAddress?, IServerChannel> NewListener,
    Func<int, IServerChannel>? AdoptListener,
    IRecvByteBufAllocator? ReceiveBuffers,
    Func<IEventLoop, IEventLoopLoad?> LoadOf,
    Func<IChannel, IReadOnlyDictionary<string, long>>? AcceptErrors,
    Func<IChannel, bool> IsListening,
    Func<IChannel, int> AvailableBytes)
{
    /// <summary>Our own, on Linux.</summary>
    private static ServerTransport Epoll { get; } = new(
        "epoll",
        count => CommonOptions.StartEventLoops(count, EpollEventLoop.Descriptors, EpollEventLoop.NewGroup),
        address => address is null ? new EpollServerSocketChannel() : new EpollServerSocketChannel(address.AddressFamily, address.IsIPv4MappedToIPv6),
        EpollServerSocketChannel.Adopt,
        ReceiveBuffers: null,
        loop => new EpollLoad((EpollEventLoop)loop),
        listener => ((EpollServerSocketChannel)listener).AcceptErrors,
        listener => ((EpollServerSocketChannel)listener).IsListening,
        channel => ((EpollSocketChannel)channel).AvailableBytes);

    /// <summary>DotNetty's, on .NET's sockets. It has no half-close: a peer's FIN closes the channel. What was received is processed
    /// all the same.</summary>
    private static ServerTransport Sockets { get; } = new(
        "sockets",
        count => CommonOptions.StartEventLoops(count, filesEach: 0, number => new MultithreadEventLoopGroup(number)),
        address => address is null ? new TcpServerSocketChannel() : new TcpServerSocketChannel(address.AddressFamily),
        AdoptListener: null,
        new ReceiveBuffers(),
        _ => null,
        AcceptErrors: null,
        listener => (int)SocketOf((AbstractSocketChannel)listener).GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.AcceptConnection)! != 0,
        AvailableInSocket);

    /// <summary>The transport to use.</summary>
    /// <exception cref="StartupException">It does not run here.</exception>
    public static ServerTransport Of(TransportChoice choice) => choice.UsesEpoll(EpollEventLoop.IsSupported) ? Epoll : Sockets;

    private static int AvailableInSocket(IChannel channel)
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

    private sealed class EpollLoad(EpollEventLoop loop) : IEventLoopLoad
    {
        public TimeSpan CpuTime => loop.CpuTime;

        public int QueueLength => loop.PendingTasks;
    }

    /// <summary>DotNetty keeps the socket to itself, and draining has to know when it is empty.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "Socket")]
    private static extern ref Socket SocketOf(AbstractSocketChannel channel);
}
