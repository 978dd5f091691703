using System.Net.Sockets;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.CommandLine;
using DotNettyFraming.Transport;

namespace DotNettyFraming.LoadClient.Connecting;

/// <summary>Hands bytes straight to the kernel, past a channel's pipeline; on its event loop.</summary>
/// <returns>How many the kernel took. The rest goes through the pipeline, which also tells what is wrong.</returns>
internal delegate int DirectSend(IChannel channel, ReadOnlySpan<byte> bytes);

/// <summary>What differs from transport to transport; the one place where one is chosen.</summary>
/// <param name="Group">The event loops. Whoever asked for the transport shuts them down.</param>
/// <param name="NewChannel">Makes a channel that is not yet connected.</param>
/// <param name="ShutdownOutput">Sends a FIN, and goes on reading; on the channel's event loop.</param>
/// <param name="TrySend">The way past the pipeline; null where there is none.</param>
internal sealed record LoadTransport(
    IEventLoopGroup Group, Func<IChannel> NewChannel, Func<IChannel, Task> ShutdownOutput, DirectSend? TrySend = null)
{
    /// <summary>The transport to use.</summary>
    /// <param name="choice">What <c>--transport</c> says.</param>
    /// <param name="eventLoops">Number of event-loop threads, which start at once.</param>
    /// <param name="family">IPv4 or IPv6, as the server's address has it.</param>
    /// <exception cref="StartupException">It does not run here, or not so many event loops.</exception>
    public static LoadTransport Of(TransportChoice choice, int eventLoops, AddressFamily family) =>
        choice.UsesEpoll(EpollEventLoop.IsSupported) ? Epoll(eventLoops, family) : Sockets(eventLoops, family);

    /// <summary>Our own, on Linux.</summary>
    private static LoadTransport Epoll(int eventLoops, AddressFamily family) => new(
        CommonOptions.StartEventLoops(eventLoops, EpollEventLoop.Descriptors, EpollEventLoop.NewGroup),
        () => new EpollSocketChannel(family),
        channel => ((EpollSocketChannel)channel).ShutdownOutputAsync(),
        (channel, bytes) => ((EpollSocketChannel)channel).TrySend(bytes));

    /// <summary>DotNetty's, on .NET's sockets.</summary>
    /// <remarks>
    /// After <see cref="ShutdownOutput"/> .NET calls the socket disconnected, and so the channel takes the next input for the end
    /// and closes: an answer that comes after our FIN is not read, and the close resets. Today no server answers.
    /// </remarks>
    private static LoadTransport Sockets(int eventLoops, AddressFamily family) => new(
        CommonOptions.StartEventLoops(
            eventLoops, filesEach: 0, count => new MultithreadEventLoopGroup(group => new SingleThreadEventLoop(group, "load"), count)),
        () => new ResettableSocketChannel(family),
        channel => ((TcpSocketChannel)channel).ShutdownOutputAsync());
}
