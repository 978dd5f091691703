using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DotNettyFraming.Hosting.Options;

/// <summary>An address to listen on: the path of a Unix socket, one IP address, or any address if both are null.</summary>
internal sealed record ListenAddress(IPAddress? Ip, string? UnixPath)
{
    public static ListenAddress Any { get; } = new(null, null);
}

/// <summary>Addresses in options, parsed strictly.</summary>
/// <remarks>
/// <see cref="IPAddress.TryParse(string, out IPAddress)"/> reads <c>1</c> as 0.0.0.1, ignores the port of <c>[::1]:80</c>, and ignores a
/// scope that this machine does not have.
/// </remarks>
internal static class AddressText
{
    private const string UnixPrefix = "unix:";
    private const int MaxUnixPathBytes = 107;

    /// <summary>An address to listen on: <c>any</c>, an IP address, or <c>unix:/path</c>.</summary>
    public static OptionKind<ListenAddress> Listen { get; } = new(
        "ADDRESS",
        text => text switch
        {
            "any" => Parsed.Of(ListenAddress.Any),
            _ when text.StartsWith(UnixPrefix, StringComparison.Ordinal) =>
                ParseUnixPath(text[UnixPrefix.Length..]).Select(path => new ListenAddress(null, path)),
            _ when text.StartsWith('[') => Parsed.Fault<ListenAddress>("has brackets; an address has none, and --port gives the port"),
            _ when !IPAddress.TryParse(text, out _) => Parsed.Fault<ListenAddress>("is neither 'any' nor an IP address nor unix:/path"),
            _ => ParseListen(text).Select(address => new ListenAddress(address, null)),
        },
        address => address.UnixPath is { } path ? UnixPrefix + path : address.Ip?.ToString() ?? "any");

    /// <summary>An address and a port (<c>[::1]:9998</c>, <c>localhost:9998</c>), or <c>off</c>, which is null.</summary>
    public static OptionKind<IPEndPoint?> EndPointOrOff { get; } = new(
        "HOST:PORT", ParseEndPoint, endpoint => endpoint?.ToString() ?? "off");

    public static OptionKind<IReadOnlyList<IPNetwork>> Networks { get; } = OptionKind.List(
        "NETWORKS", ParseNetwork, "is no list of networks (10.0.0.0/8,192.0.2.7/32,2001:db8::/32)");

    public static OptionKind<IReadOnlyList<IPAddress>> Addresses { get; } = OptionKind.List(
        "ADDRESSES", Parse, "is no list of IP addresses (127.0.0.2,127.0.0.3)");

    /// <summary>Formats an end point: <c>127.0.0.1:9999</c>, <c>[::]:9999</c>, <c>unix:/path</c>.</summary>
    public static string Format(EndPoint endpoint) => endpoint is UnixDomainSocketEndPoint ? $"{UnixPrefix}{endpoint}" : $"{endpoint}";

    /// <summary>Parses the path of a Unix socket: absolute, and at most 107 bytes of UTF-8 (unix(7)).</summary>
    public static Parsed<string> ParseUnixPath(string path) =>
        !path.StartsWith('/') ? Parsed.Fault<string>("is no absolute path (unix:/run/framing.sock)")
        : Encoding.UTF8.GetByteCount(path) > MaxUnixPathBytes ? Parsed.Fault<string>($"is longer than {MaxUnixPathBytes} bytes after unix:")
        : OptionKind.ParsePath(path);

    public static Parsed<IPAddress> Parse(string text)
    {
        if (!IPAddress.TryParse(text, out IPAddress? address) || text.AsSpan().ContainsAny('[', ']', '/'))
        {
            return Parsed.Fault<IPAddress>("is no IP address");
        }

        bool isIPv4 = address.AddressFamily == AddressFamily.InterNetwork;
        return isIPv4 && address.ToString() != text
            ? Parsed.Fault<IPAddress>("is no IPv4 address in four decimal parts without leading zeros (127.0.0.1)")
            : !isIPv4 && text.Contains('%', StringComparison.Ordinal) && address.ScopeId == 0
                ? Parsed.Fault<IPAddress>("names a network interface (after %) that this machine does not have")
                : Parsed.Of(address);
    }

    private static Parsed<IPAddress> ParseListen(string text)
    {
        Parsed<IPAddress> parsed = Parse(text);
        if (parsed.Fault is not null)
        {
            return parsed;
        }

        IPAddress inner = parsed.Value.IsIPv4MappedToIPv6 ? parsed.Value.MapToIPv4() : parsed.Value;
        bool isIPv4 = inner.AddressFamily == AddressFamily.InterNetwork;
        bool isMulticast = inner.IsIPv6Multicast || (isIPv4 && inner.GetAddressBytes()[0] is >= 224 and <= 239); // RFC 5771
        return isMulticast || inner.Equals(IPAddress.Broadcast)
            ? Parsed.Fault<IPAddress>("is a multicast or broadcast address, where no TCP connection arrives")
            : parsed;
    }

    private static Parsed<IPEndPoint?> ParseEndPoint(string text)
    {
        if (text == "off")
        {
            return Parsed.Of<IPEndPoint?>(null);
        }

        int colon = text.LastIndexOf(':');
        if (colon < 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            return Parsed.Fault<IPEndPoint?>("is neither 'off' nor ADDRESS:PORT, with a port from 0 to 65535");
        }

        string host = text[..colon] == "localhost" ? "127.0.0.1" : text[..colon];
        bool inBrackets = host.StartsWith('[') && host.EndsWith(']');
        if (!inBrackets && host.Contains(':', StringComparison.Ordinal))
        {
            return Parsed.Fault<IPEndPoint?>("has an IPv6 address without brackets ([::1]:9998)");
        }

        string inner = inBrackets ? host[1..^1] : host;
        return inBrackets != inner.Contains(':', StringComparison.Ordinal) || !IPAddress.TryParse(inner, out _)
            ? Parsed.Fault<IPEndPoint?>("names no IP address before the port (127.0.0.1:9998, [::1]:9998, 0.0.0.0:9998, localhost:9998)")
            : ParseListen(inner).Select(address => (IPEndPoint?)new IPEndPoint(address, port));
    }

    /// <summary>Parses a network; bits after its prefix would be a typing error, and IPv4 is not written as IPv6.</summary>
    private static Parsed<IPNetwork> ParseNetwork(string text) =>
        text.Split('/') is [var address, _]
        && Parse(address) is { Fault: null } parsed
        && IPNetwork.TryParse(text, out IPNetwork network)
        && network.BaseAddress.Equals(parsed.Value)
        && !parsed.Value.IsIPv4MappedToIPv6
        && !address.Contains('%', StringComparison.Ordinal)
            ? Parsed.Of(network)
            : Parsed.Fault<IPNetwork>("is no network");
}
