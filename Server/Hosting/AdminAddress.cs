using System.Globalization;
using System.Net;
using DotNettyFraming.CommandLine;

namespace DotNettyFraming.Server.Hosting;

/// <summary>The text of <c>--admin</c>: <c>off</c>, or an address and a port, <c>127.0.0.1:9998</c> or <c>[::1]:9998</c>.</summary>
internal static class AdminAddress
{
    private const string Localhost = "localhost";

    /// <summary>Reads it.</summary>
    /// <returns>The endpoint, null for <c>off</c>; or what is wrong with it.</returns>
    public static Parsed<IPEndPoint?> Parse(string text)
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

        string host = text[..colon];
        if (host == Localhost)
        {
            return Parsed.Of<IPEndPoint?>(new IPEndPoint(IPAddress.Loopback, port));
        }

        bool inBrackets = host.StartsWith('[') && host.EndsWith(']');
        if (!inBrackets && host.Contains(':', StringComparison.Ordinal))
        {
            return Parsed.Fault<IPEndPoint?>("has an IPv6 address without brackets ([::1]:9998)");
        }

        string inner = inBrackets ? host[1..^1] : host;
        if (inBrackets != inner.Contains(':', StringComparison.Ordinal) || !IPAddress.TryParse(inner, out _))
        {
            return Parsed.Fault<IPEndPoint?>("names no IP address before the port (127.0.0.1:9998, [::1]:9998, 0.0.0.0:9998, localhost:9998)");
        }

        return ListenAddress.Parse(inner).Select(address => (IPEndPoint?)new IPEndPoint(address!, port));
    }

    /// <summary>Reads <c>--admin-hosts</c>.</summary>
    public static Parsed<IReadOnlyList<string>> ParseHosts(string text)
    {
        string[] names = text.Split(',', StringSplitOptions.TrimEntries);
        return names.All(name => Uri.CheckHostName(name) != UriHostNameType.Unknown)
            ? Parsed.Of<IReadOnlyList<string>>(names)
            : Parsed.Fault<IReadOnlyList<string>>("is no list of host names without ports (framing.example,metrics.internal)");
    }

    /// <summary>Writes it as it is read.</summary>
    public static string Format(IPEndPoint? endpoint) => endpoint?.ToString() ?? "off";
}
