using System.Net;
using System.Net.Sockets;
using DotNetty.Transport.Channels;
using DotNettyFraming.Hosting;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Server.Startup;

/// <summary>An integer option of a socket, as in setsockopt(2).</summary>
internal sealed record SocketOption(int Level, int Name, int Value)
{
    public ChannelOption<int> Option { get; } = IntegerSocketOption.Of(Level, Name);
}

/// <summary>
/// Sets the options of accepted TCP connections: <c>--tcp-keepalive</c>, <c>--tcp-user-timeout</c>, <c>--tcp-quickack</c>.
/// A handler of the listener, in front of DotNetty's acceptor.
/// </summary>
/// <remarks>On each connection, as those that wait on a passed socket have inherited nothing.</remarks>
internal sealed class TcpOptions(IReadOnlyList<SocketOption> options, Action<IChannel, SocketOption> set) : ChannelHandlerAdapter
{
    private const int SocketLevel = 1, SO_KEEPALIVE = 9;
    private const int TcpLevel = 6, TCP_KEEPIDLE = 4, TCP_KEEPINTVL = 5, TCP_KEEPCNT = 6, TCP_QUICKACK = 12, TCP_USER_TIMEOUT = 18;

    private const int Probes = 3; // as Redis

    /// <summary>Returns the options to set.</summary>
    /// <exception cref="StartupException">There are some, and this is not Linux.</exception>
    public static IReadOnlyList<SocketOption> Of(ServerOptions options)
    {
        var list = new List<SocketOption>();
        if (options.TcpKeepAlive > TimeSpan.Zero)
        {
            int idle = (int)Math.Ceiling(options.TcpKeepAlive.TotalSeconds);
            list.Add(new(SocketLevel, SO_KEEPALIVE, 1));
            list.Add(new(TcpLevel, TCP_KEEPIDLE, idle));
            list.Add(new(TcpLevel, TCP_KEEPINTVL, Math.Max(1, idle / Probes)));
            list.Add(new(TcpLevel, TCP_KEEPCNT, Probes));
        }

        if (options.TcpUserTimeout > TimeSpan.Zero)
        {
            list.Add(new(TcpLevel, TCP_USER_TIMEOUT, (int)Math.Ceiling(options.TcpUserTimeout.TotalMilliseconds)));
        }

        if (!options.TcpQuickAck)
        {
            list.Add(new(TcpLevel, TCP_QUICKACK, 0));
        }

        return list.Count == 0 || OperatingSystem.IsLinux()
            ? list
            : throw new StartupException("--tcp-keepalive, --tcp-user-timeout, --tcp-quickack off: need Linux");
    }

    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        // A passed socket can be a Unix socket.
        if (context.Channel.LocalAddress is IPEndPoint)
        {
            Set((IChannel)message);
        }

        context.FireChannelRead(message);
    }

    private void Set(IChannel connection)
    {
        try
        {
            foreach (SocketOption option in options)
            {
                set(connection, option);
            }
        }
        catch (Exception e) when (e is ChannelException or SocketException or ObjectDisposedException)
        {
            // The connection has ended.
        }
    }
}
