using System.Net;
using System.Net.Sockets;
using DotNetty.Common;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport;

/// <summary>A capability that a transport may lack; a contract test that needs it is skipped by name without it.</summary>
public enum Capability
{
    /// <summary>Answers after the peer's FIN.</summary>
    HalfClosure,

    /// <summary>Bytes that arrived before a reset reach the pipeline.</summary>
    ReadsBeforeReset,

    /// <summary>A terminated loop rejects tasks.</summary>
    RejectsAfterTermination,

    /// <summary>The channels of a loop that ends are closed.</summary>
    ClosesChannelsAtShutdown,

    /// <summary>SO_REUSEADDR does not set SO_REUSEPORT.</summary>
    ReuseAddressAlone,

    /// <summary>Closing a channel that is connecting completes the connect.</summary>
    CancelsConnect,

    /// <summary>A connect waits for room in the listener's queue.</summary>
    WaitsForQueue,

    /// <summary>IP addresses and ports.</summary>
    IpAddresses,

    /// <summary>A close with linger 0 resets the connection.</summary>
    Resets,
}

/// <summary>A transport under contract: its loops, its channels, and the capabilities it lacks.</summary>
public interface ITransport
{
    ResourceLeakDetector.DetectionLevel LeakDetection { get; }

    /// <summary>Returns why the capability is missing, or <c>null</c>.</summary>
    string? WhyNot(Capability capability);

    /// <summary>Returns an address to listen on that is not in use.</summary>
    EndPoint NewAddress();

    /// <summary>Returns a raw socket for a peer or a listener.</summary>
    Socket NewSocket();

    MultithreadEventLoopGroup NewGroup(int loops);

    void Use(ServerBootstrap bootstrap, AddressFamily? family);

    void Use(Bootstrap bootstrap, AddressFamily? family);
}

/// <summary>The epoll transport as in production: one receive buffer per loop.</summary>
public class EpollTransport : ITransport
{
    public virtual ResourceLeakDetector.DetectionLevel LeakDetection => ResourceLeakDetector.DetectionLevel.Disabled;

    public virtual string? WhyNot(Capability capability) => null;

    public virtual EndPoint NewAddress() => new IPEndPoint(IPAddress.Loopback, 0);

    public virtual Socket NewSocket() => SocketTransport.NewTcpSocket();

    public MultithreadEventLoopGroup NewGroup(int loops) => EpollEventLoop.NewGroup(loops);

    public virtual void Use(ServerBootstrap bootstrap, AddressFamily? family) =>
        bootstrap.ChannelFactory(() => family is { } f ? new EpollServerSocketChannel(f) : new EpollServerSocketChannel());

    public virtual void Use(Bootstrap bootstrap, AddressFamily? family) =>
        bootstrap.ChannelFactory(() => family is { } f ? new EpollSocketChannel(f) : new EpollSocketChannel());
}

/// <summary>The epoll transport with leak detection: a receive buffer per read.</summary>
public sealed class EpollTransportWithPrivateBuffers : EpollTransport
{
    public override ResourceLeakDetector.DetectionLevel LeakDetection => ResourceLeakDetector.DetectionLevel.Paranoid;
}

/// <summary>The epoll transport on Unix sockets.</summary>
public sealed class UnixEpollTransport : EpollTransport
{
    public override string? WhyNot(Capability capability) => UnixSockets.WhyNot(capability);

    public override EndPoint NewAddress() => UnixSockets.NewAddress();

    public override Socket NewSocket() => UnixSockets.New();

    public override void Use(ServerBootstrap bootstrap, AddressFamily? family) => base.Use(bootstrap, AddressFamily.Unix);

    public override void Use(Bootstrap bootstrap, AddressFamily? family) => base.Use(bootstrap, AddressFamily.Unix);
}

/// <summary>DotNetty's sockets. Their constructor with IPv6 is not dual-stack, the one without a family is.</summary>
public class SocketTransport : ITransport
{
    public ResourceLeakDetector.DetectionLevel LeakDetection => ResourceLeakDetector.DetectionLevel.Paranoid;

    public static Socket NewTcpSocket() => new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    public virtual EndPoint NewAddress() => new IPEndPoint(IPAddress.Loopback, 0);

    public virtual Socket NewSocket() => NewTcpSocket();

    public virtual string? WhyNot(Capability capability) => capability switch
    {
        Capability.HalfClosure => "a FIN closes the channel",
        Capability.ReadsBeforeReset => "a reset discards unread bytes",
        Capability.RejectsAfterTermination => "tasks for a terminated loop neither run nor fail",
        Capability.ClosesChannelsAtShutdown => "a loop ends without closing its channels",
        Capability.ReuseAddressAlone => "SO_REUSEADDR sets SO_REUSEPORT too",
        Capability.CancelsConnect => "closing while connecting does not complete the connect reliably",
        _ => null,
    };

    public MultithreadEventLoopGroup NewGroup(int loops) => new(loops);

    public virtual void Use(ServerBootstrap bootstrap, AddressFamily? family) =>
        bootstrap.ChannelFactory(() => family == AddressFamily.InterNetwork
            ? new TcpServerSocketChannel(AddressFamily.InterNetwork)
            : new TcpServerSocketChannel());

    public virtual void Use(Bootstrap bootstrap, AddressFamily? family) =>
        bootstrap.ChannelFactory(() => family == AddressFamily.InterNetwork
            ? new TcpSocketChannel(AddressFamily.InterNetwork)
            : new TcpSocketChannel());
}

/// <summary>DotNetty's sockets on Unix sockets.</summary>
public sealed class UnixSocketTransport : SocketTransport
{
    public override string? WhyNot(Capability capability) => capability == Capability.WaitsForQueue
        ? "a full queue of a Unix listener fails the connect"
        : base.WhyNot(capability) ?? UnixSockets.WhyNot(capability);

    public override EndPoint NewAddress() => UnixSockets.NewAddress();

    public override Socket NewSocket() => UnixSockets.New();

    public override void Use(ServerBootstrap bootstrap, AddressFamily? family) =>
        bootstrap.ChannelFactory(() => new TcpServerSocketChannel(UnixSockets.New()));

    public override void Use(Bootstrap bootstrap, AddressFamily? family) =>
        bootstrap.ChannelFactory(() => new TcpSocketChannel(UnixSockets.New()));
}

/// <summary>The parts of both transports on Unix sockets.</summary>
internal static class UnixSockets
{
    public static Socket New() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public static UnixDomainSocketEndPoint NewAddress() => new(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()));

    public static string? WhyNot(Capability capability) => capability switch
    {
        Capability.IpAddresses => "Unix sockets have paths",
        Capability.Resets => "a Unix socket is reset by a close with unread input only",
        _ => null,
    };
}
