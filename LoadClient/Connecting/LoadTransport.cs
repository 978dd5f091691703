using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Transport;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient.Connecting;

/// <summary>Hands bytes directly to the kernel, on the channel's event loop, and returns how many it took.</summary>
/// <remarks>The rest goes through the pipeline, which also reports errors.</remarks>
internal delegate int DirectSend(IChannel channel, ReadOnlySpan<byte> bytes);

/// <summary>A transport: its event loops and channels, and the operations that differ between transports.</summary>
/// <param name="Group">The event loops; <see cref="ShutDownAsync"/> ends them.</param>
/// <param name="NewChannel">Makes an unconnected channel for IPv4, IPv6 or Unix sockets.</param>
/// <param name="ShutdownOutput">Sends a FIN and continues to read; on the channel's event loop.</param>
/// <param name="TrySend">Sends without the pipeline; null if the transport cannot.</param>
internal sealed record LoadTransport(
    IEventLoopGroup Group, Func<AddressFamily, IChannel> NewChannel, Func<IChannel, Task> ShutdownOutput, DirectSend? TrySend = null)
{
    internal static readonly TimeSpan MaxShutdown = TimeSpan.FromSeconds(5); // a loop that hangs must not delay the report

    /// <summary>Starts the event loops of a transport.</summary>
    /// <exception cref="StartupException">The transport does not run here, or that many loops cannot start.</exception>
    public static LoadTransport Of(TransportChoice choice, int eventLoops) =>
        choice.UsesEpoll(EpollEventLoop.IsSupported) ? Epoll(eventLoops) : Sockets(eventLoops);

    /// <summary>Stops the event loops in bounded time; a loop that does not end is logged.</summary>
    public async Task ShutDownAsync(TimeProvider clock, ILogger logger)
    {
        try
        {
            await Group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(MaxShutdown, clock);
        }
        catch (Exception exception)
        {
            // The report still follows; the loops' threads do not block process exit.
            LoadClientLog.EventLoopsDidNotEnd(logger, MaxShutdown.TotalSeconds, exception);
        }
    }

    private static LoadTransport Epoll(int eventLoops) => new(
        CommonOptions.StartEventLoops(eventLoops, EpollEventLoop.Descriptors, EpollEventLoop.NewGroup),
        family => new EpollSocketChannel(family),
        channel => ((EpollSocketChannel)channel).ShutdownOutputAsync(),
        (channel, bytes) => ((EpollSocketChannel)channel).TrySend(bytes));

    private static LoadTransport Sockets(int eventLoops) => new(
        CommonOptions.StartEventLoops(
            eventLoops, filesEach: 0, count => new MultithreadEventLoopGroup(group => new SingleThreadEventLoop(group, "load"), count)),
        family => new LoadSocketChannel(new Socket(family, SocketType.Stream, ProtocolType.Unspecified)),
        channel => ((TcpSocketChannel)channel).ShutdownOutputAsync());
}

/// <summary>DotNetty's outgoing TCP channel, with the epoll transport's half-close and reset.</summary>
internal sealed class LoadSocketChannel(Socket socket) : TcpSocketChannel(socket)
{
    /// <summary>Reads also after our FIN, when .NET calls the socket disconnected and the original reads no more.</summary>
    protected override int DoReadBytes(IByteBuffer byteBuf)
    {
        Span<byte> free = byteBuf.Array.AsSpan(byteBuf.ArrayOffset + byteBuf.WriterIndex, byteBuf.WritableBytes);
        int received = Socket.Receive(free, SocketFlags.None, out SocketError error);
        if (error is not (SocketError.Success or SocketError.WouldBlock))
        {
            throw new SocketException((int)error);
        }

        byteBuf.SetWriterIndex(byteBuf.WriterIndex + received);
        return error == SocketError.Success && received == 0 ? -1 : received;
    }

    /// <summary>Resets if SO_LINGER is 0; the original sends a FIN first, and the RST comes too late.</summary>
    protected override void DoClose()
    {
        if (IsInState(StateFlags.Open | StateFlags.Active) && Socket.LingerState is { Enabled: true, LingerTime: 0 })
        {
            ResetState(StateFlags.Open | StateFlags.Active);
            Socket.Dispose();
        }

        base.DoClose();
    }
}
