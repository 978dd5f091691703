using System.Net.Sockets;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Transport;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.LoadClient.Connecting;

/// <summary>Hands bytes straight to the kernel, past a channel's pipeline; on its event loop.</summary>
/// <returns>How many the kernel took. The rest goes through the pipeline, which also tells what is wrong.</returns>
internal delegate int DirectSend(IChannel channel, ReadOnlySpan<byte> bytes);

/// <summary>What differs from transport to transport; the one place where one is chosen.</summary>
/// <param name="Group">The event loops. Whoever asked for the transport shuts them down.</param>
/// <param name="NewChannel">Makes a channel for IPv4 or IPv6 that is not yet connected.</param>
/// <param name="ShutdownOutput">Sends a FIN, and goes on reading; on the channel's event loop.</param>
/// <param name="TrySend">The way past the pipeline; null where there is none.</param>
internal sealed record LoadTransport(
    IEventLoopGroup Group, Func<AddressFamily, IChannel> NewChannel, Func<IChannel, Task> ShutdownOutput, DirectSend? TrySend = null)
{
    /// <summary>The longest wait for the end of the event loops: one that hangs does not hold up the report.</summary>
    internal static readonly TimeSpan MaxShutdown = TimeSpan.FromSeconds(5);

    /// <summary>The transport to use.</summary>
    /// <exception cref="StartupException">It does not run here, or not so many event loops.</exception>
    public static LoadTransport Of(TransportChoice choice, int eventLoops) =>
        choice.UsesEpoll(EpollEventLoop.IsSupported) ? Epoll(eventLoops) : Sockets(eventLoops);

    /// <summary>Stops the event loops, in bounded time; a loop that does not end is logged and left behind.</summary>
    public async Task ShutDownAsync(TimeProvider clock, ILogger logger)
    {
        try
        {
            await Group.ShutdownGracefullyAsync(TimeSpan.Zero, TimeSpan.FromSeconds(1)).WaitAsync(MaxShutdown, clock);
        }
        catch (Exception exception)
        {
            // The run is over and its report is worth more: the loops' threads do not keep the process.
            LoadClientLog.EventLoopsDidNotEnd(logger, MaxShutdown.TotalSeconds, exception);
        }
    }

    /// <summary>Our own, on Linux.</summary>
    private static LoadTransport Epoll(int eventLoops) => new(
        CommonOptions.StartEventLoops(eventLoops, EpollEventLoop.Descriptors, EpollEventLoop.NewGroup),
        family => new EpollSocketChannel(family),
        channel => ((EpollSocketChannel)channel).ShutdownOutputAsync(),
        (channel, bytes) => ((EpollSocketChannel)channel).TrySend(bytes));

    /// <summary>DotNetty's, on .NET's sockets.</summary>
    /// <remarks>
    /// After <see cref="ShutdownOutput"/> .NET calls the socket disconnected, and so the channel takes the next input for the end
    /// and closes: an answer that comes after our FIN is not read, and the close resets. Today no server answers.
    /// </remarks>
    private static LoadTransport Sockets(int eventLoops) => new(
        CommonOptions.StartEventLoops(
            eventLoops, filesEach: 0, count => new MultithreadEventLoopGroup(group => new SingleThreadEventLoop(group, "load"), count)),
        family => new ResettableSocketChannel(family),
        channel => ((TcpSocketChannel)channel).ShutdownOutputAsync());
}

/// <summary>DotNetty's outgoing TCP channel, whose close is an RST when SO_LINGER is 0, as it is on the epoll transport.</summary>
/// <remarks>
/// The original shuts the socket down before it closes it, whatever SO_LINGER says: a FIN, and the RST behind it too late to be seen.
/// </remarks>
/// <param name="family">IPv4 or IPv6.</param>
internal sealed class ResettableSocketChannel(AddressFamily family) : TcpSocketChannel(family)
{
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
