using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Pipeline;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Server.Startup;

/// <summary>The differences between the transports, and the choice of one.</summary>
/// <param name="Name">The name in <c>--transport</c> and in the log.</param>
/// <param name="NewEventLoops">Starts a number of event loops.</param>
/// <param name="NewListener">Makes a channel that can listen on an address; null is any address, IPv4 and IPv6.</param>
/// <param name="NewUnixListener">Makes a channel that can listen on a Unix socket.</param>
/// <param name="SetOption">Sets an option of a connection's socket.</param>
/// <param name="AdoptListener">Makes a channel from the descriptor of a listening socket; null if the transport cannot.</param>
/// <param name="ReceiveBuffers">The allocator of receive buffers; null if the event loop has its own.</param>
/// <param name="LoadOf">Returns the load of an event loop; null if it is unknown.</param>
/// <param name="AcceptErrors">Returns the accept errors of a listener; null if it does not count them.</param>
/// <param name="IsListening">Asks the kernel whether a listener's socket still listens; any thread.</param>
/// <param name="AvailableBytes">Returns the number of unread bytes in a connection's socket.</param>
/// <param name="Calls">The calls on sockets that the pipeline uses if the transport has them.</param>
internal sealed record ServerTransport(
    string Name,
    Func<int, MultithreadEventLoopGroup> NewEventLoops,
    Func<IPAddress?, IServerChannel> NewListener,
    Func<IServerChannel> NewUnixListener,
    Action<IChannel, SocketOption> SetOption,
    Func<int, IServerChannel>? AdoptListener,
    IRecvByteBufAllocator? ReceiveBuffers,
    Func<IEventLoop, IEventLoopLoad?> LoadOf,
    Func<IChannel, IReadOnlyDictionary<string, long>>? AcceptErrors,
    Func<IChannel, bool> IsListening,
    Func<IChannel, int> AvailableBytes,
    SocketCalls Calls)
{
    private static ServerTransport Epoll { get; } = new(
        "epoll",
        count => CommonOptions.StartEventLoops(count, EpollEventLoop.Descriptors, EpollEventLoop.NewGroup),
        address => address is null
            ? new EpollServerSocketChannel()
            : new EpollServerSocketChannel(address.AddressFamily, address.IsIPv4MappedToIPv6),
        () => new EpollServerSocketChannel(AddressFamily.Unix),
        (channel, option) => channel.Configuration.SetOption(option.Option, option.Value),
        EpollServerSocketChannel.Adopt,
        ReceiveBuffers: null,
        loop => new EpollLoad((EpollEventLoop)loop),
        listener => ((EpollServerSocketChannel)listener).AcceptErrors,
        listener => ((EpollServerSocketChannel)listener).IsListening,
        channel => ((EpollSocketChannel)channel).AvailableBytes,
        new SocketCalls(
            (channel, bytes) => ((EpollSocketChannel)channel).TrySend(bytes),
            channel => ((EpollSocketChannel)channel).ShutdownOutputAsync()));

    // Without half-close: a peer's FIN closes the channel. What was received is still processed.
    private static ServerTransport Sockets { get; } = new(
        "sockets",
        count => CommonOptions.StartEventLoops(count, filesEach: 0, number => new MultithreadEventLoopGroup(number)),
        address => address is null ? new TcpServerSocketChannel() : new TcpServerSocketChannel(address.AddressFamily),
        () => new TcpServerSocketChannel(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)),
        SetInSocket,
        AdoptListener: null,
        new ReceiveBuffers(),
        _ => null,
        AcceptErrors: null,
        IsSocketListening,
        AvailableInSocket,
        SocketCalls.None);

    /// <summary>Returns the transport to use.</summary>
    /// <exception cref="StartupException">The chosen transport does not run here.</exception>
    public static ServerTransport Of(TransportChoice choice) => choice.UsesEpoll(EpollEventLoop.IsSupported) ? Epoll : Sockets;

    private static bool IsSocketListening(IChannel listener) =>
        (int)SocketOf((AbstractSocketChannel)listener).GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.AcceptConnection)! != 0;

    private static void SetInSocket(IChannel channel, SocketOption option) => SocketOf((AbstractSocketChannel)channel)
        .SetRawSocketOption(option.Level, option.Name, BitConverter.GetBytes(option.Value));

    private static int AvailableInSocket(IChannel channel)
    {
        try
        {
            return SocketOf((AbstractSocketChannel)channel).Available;
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            return 0; // closed or reset: nothing will be read from it
        }
    }

    private sealed class EpollLoad(EpollEventLoop loop) : IEventLoopLoad
    {
        public TimeSpan CpuTime => loop.CpuTime;

        public int QueueLength => loop.PendingTasks;
    }

    // DotNetty does not expose the socket, and draining must know when it is empty.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "Socket")]
    private static extern ref Socket SocketOf(AbstractSocketChannel channel);
}
