using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline.Proxy;

/// <summary>The networks that may send PROXY headers, and the log of their faults. Thread-safe.</summary>
/// <param name="Trusted">The networks of the balancers.</param>
/// <param name="Logger">The log of peers' faults.</param>
internal sealed record ProxyRules(IReadOnlyList<IPNetwork> Trusted, ILogger Logger)
{
    /// <summary>Whether <paramref name="sender"/>, the address of the socket's peer, may send a PROXY header. IPv4 is not mapped.</summary>
    /// <remarks>The mode of a Unix socket's file decides who can send one there.</remarks>
    public bool Trusts(EndPoint? sender) =>
        sender is UnixDomainSocketEndPoint
        || (sender is IPEndPoint { Address: var address } && Trusted.Any(network => network.Contains(address)));
}
