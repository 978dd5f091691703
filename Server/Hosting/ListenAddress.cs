using System.Net;
using System.Net.Sockets;
using DotNettyFraming.CommandLine;

namespace DotNettyFraming.Server.Hosting;

/// <summary>The text of <c>--address</c>: <c>any</c>, or an address that one can listen on, written as such and nothing else.</summary>
/// <remarks>
/// <see cref="IPAddress.TryParse(string, out IPAddress)"/> alone is too generous to be told where to listen: it reads <c>1</c> as
/// 0.0.0.1, drops the port of <c>[::1]:80</c>, and drops a scope that this machine does not have.
/// </remarks>
internal static class ListenAddress
{
    /// <summary>Reads it.</summary>
    /// <returns>The address, null for <c>any</c>; or what is wrong with it.</returns>
    public static Parsed<IPAddress?> Parse(string text)
    {
        if (text == "any")
        {
            return Parsed.Of<IPAddress?>(null);
        }

        if (text.StartsWith('['))
        {
            return Parsed.Fault<IPAddress?>("has brackets; an address stands without them, and --port gives the port");
        }

        if (!IPAddress.TryParse(text, out IPAddress? address))
        {
            return Parsed.Fault<IPAddress?>("is neither 'any' nor an IP address");
        }

        return Fault(text, address) is string fault ? Parsed.Fault<IPAddress?>(fault) : Parsed.Of<IPAddress?>(address);
    }

    private static string? Fault(string text, IPAddress address)
    {
        bool isIPv4 = address.AddressFamily == AddressFamily.InterNetwork;
        if (isIPv4 && address.ToString() != text)
        {
            return "is no IPv4 address in four decimal parts without leading zeros (127.0.0.1)";
        }

        if (!isIPv4 && text.Contains('%', StringComparison.Ordinal) && address.ScopeId == 0)
        {
            return "names a network interface (after %) that this machine does not have";
        }

        IPAddress inner = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return inner.IsIPv6Multicast || inner.Equals(IPAddress.Broadcast) || IsIPv4Multicast(inner)
            ? "is a multicast or broadcast address, where no TCP connection arrives"
            : null;
    }

    /// <summary>224.0.0.0/4 (RFC 5771).</summary>
    private static bool IsIPv4Multicast(IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetwork && address.GetAddressBytes()[0] is >= 224 and <= 239;
}
