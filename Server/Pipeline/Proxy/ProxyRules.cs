using System.Net;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Server.Pipeline.Proxy;

/// <summary>The networks that may send PROXY headers, and the log of their faults. Thread-safe.</summary>
/// <param name="Trusted">The networks of the balancers.</param>
/// <param name="Logger">Where faults of peers go.</param>
internal sealed record ProxyRules(IReadOnlyList<IPNetwork> Trusted, ILogger Logger)
{
    /// <summary>Whether <paramref name="sender"/>, the socket's own address, may say who its peer is.</summary>
    /// <param name="sender">IPv4 addresses as such, not mapped; null (gone before it could be asked) is nobody.</param>
    public bool Trusts(EndPoint? sender) =>
        sender is IPEndPoint { Address: var address } && Trusted.Any(network => network.Contains(address));
}
