using System.Net;
using System.Net.Sockets;
using DotNettyFraming.CommandLine;

namespace DotNettyFraming.Server.Hosting;

/// <summary>The text of <c>--proxy-trusted</c>: networks as <c>10.0.0.0/8,2001:db8::/32</c>, and nothing looser.</summary>
internal static class NetworkList
{
    /// <summary>Reads it.</summary>
    /// <returns>At least one network; or what is wrong.</returns>
    public static Parsed<IReadOnlyList<IPNetwork>> Parse(string text)
    {
        var networks = new List<IPNetwork>();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!IPNetwork.TryParse(part, out IPNetwork network) || !IsPlain(part, network))
            {
                return Parsed.Fault<IReadOnlyList<IPNetwork>>("is no list of networks (10.0.0.0/8,192.0.2.7/32,2001:db8::/32)");
            }

            networks.Add(network);
        }

        return Parsed.Of<IReadOnlyList<IPNetwork>>(networks);
    }

    /// <summary>An IPv4 network must read back as it was written: <c>010.0.0.0/8</c> would be octal, <c>1/32</c> 0.0.0.1, and bits behind
    /// the prefix a typing error. An IPv6 one has such bits neither, no scope, and is no IPv4 network in disguise, which nothing would match.</summary>
    private static bool IsPlain(string text, IPNetwork network) => network.BaseAddress.AddressFamily == AddressFamily.InterNetwork
        ? network.ToString() == text
        : !text.Contains('%', StringComparison.Ordinal)
            && !network.BaseAddress.IsIPv4MappedToIPv6
            && IPAddress.Parse(text.AsSpan(0, text.IndexOf('/', StringComparison.Ordinal))).Equals(network.BaseAddress);
}
