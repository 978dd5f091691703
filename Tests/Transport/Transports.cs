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
}

/// <summary>A transport under contract: its loops, its channels, and the capabilities it lacks.</summary>
public interface ITransport
{
    ResourceLeakDetector.DetectionLevel LeakDetection { get; }

    /// <summary>Returns why the capability is missing, or <c>null</c>.</summary>
    string? WhyNot(Capability capability);

    MultithreadEventLoopGroup NewGroup(int loops);

    void Use(ServerBootstrap bootstrap, AddressFamily? family);

    void Use(Bootstrap bootstrap, AddressFamily? family);
}

/// <summary>The epoll transport as in production: one receive buffer per loop.</summary>
public class EpollTransport : ITransport
{
    public virtual ResourceLeakDetector.DetectionLevel LeakDetection => ResourceLeakDetector.DetectionLevel.Disabled;

    public string? WhyNot(Capability capability) => null;

    public MultithreadEventLoopGroup NewGroup(int loops) => EpollEventLoop.NewGroup(loops);

    public void Use(ServerBootstrap bootstrap, AddressFamily? family) =>
        bootstrap.ChannelFactory(() => family is { } f ? new EpollServerSocketChannel(f) : new EpollServerSocketChannel());

    public void Use(Bootstrap bootstrap, AddressFamily? family) =>
        bootstrap.ChannelFactory(() => family is { } f ? new EpollSocketChannel(f) : new EpollSocketChannel());
}

/// <summary>The epoll transport with leak detection: a receive buffer per read.</summary>
public sealed class EpollTransportWithPrivateBuffers : EpollTransport
{
    public override ResourceLeakDetector.DetectionLevel LeakDetection => ResourceLeakDetector.DetectionLevel.Paranoid;
}

/// <summary>DotNetty's sockets. Their constructor with IPv6 is not dual-stack, the one without a family is.</summary>
public sealed class SocketTransport : ITransport
{
    public ResourceLeakDetector.DetectionLevel LeakDetection => ResourceLeakDetector.DetectionLevel.Paranoid;

    public string? WhyNot(Capability capability) => capability switch
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

    public void Use(ServerBootstrap bootstrap, AddressFamily? family) =>
        bootstrap.ChannelFactory(() => family == AddressFamily.InterNetwork
            ? new TcpServerSocketChannel(AddressFamily.InterNetwork)
            : new TcpServerSocketChannel());

    public void Use(Bootstrap bootstrap, AddressFamily? family) =>
        bootstrap.ChannelFactory(() => family == AddressFamily.InterNetwork
            ? new TcpSocketChannel(AddressFamily.InterNetwork)
            : new TcpSocketChannel());
}
