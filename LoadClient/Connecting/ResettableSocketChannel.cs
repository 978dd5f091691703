using System.Net.Sockets;
using DotNetty.Transport.Channels.Sockets;

namespace DotNettyFraming.LoadClient.Connecting;

/// <summary>DotNetty's outgoing TCP channel, whose close is an RST when SO_LINGER is 0, as it is on the epoll transport.</summary>
/// <remarks>The original shuts the socket down before it closes it, whatever SO_LINGER says: a FIN, and the RST behind it too late to be seen.</remarks>
/// <param name="family">IPv4 or IPv6.</param>
internal sealed class ResettableSocketChannel(AddressFamily family) : TcpSocketChannel(family)
{
    /// <inheritdoc/>
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
