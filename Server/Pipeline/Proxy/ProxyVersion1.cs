using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DotNettyFraming.Server.Pipeline.Proxy;

/// <summary>Version 1 of the header: a line of text (<c>proxy-protocol.txt</c>, section 2.1).</summary>
internal static class ProxyVersion1
{
    /// <summary>The longest line, with its CRLF.</summary>
    public const int MaxBytes = 107;

    /// <summary>The parts of a line with addresses behind <c>PROXY</c>: family, two addresses, two ports.</summary>
    private const int Parts = 5;

    /// <summary>Dots are not in the specification, but HAProxy writes a mapped address as <c>::ffff:192.0.2.7</c>.</summary>
    private static readonly SearchValues<char> IPv6Characters = SearchValues.Create("0123456789abcdefABCDEF:.");

    private static ReadOnlySpan<byte> Start => "PROXY "u8;

    private static ReadOnlySpan<byte> LineEnd => "\r\n"u8;

    /// <summary>Parses a header of at least one byte; see <see cref="ProxyHeader.TryParse"/>.</summary>
    public static ProxyHeaderOutcome TryParse(ReadOnlySpan<byte> bytes, out ProxyHeader header, out int consumed)
    {
        header = default;
        consumed = 0;
        if (!ProxyHeader.StartsAs(bytes, Start))
        {
            return ProxyHeaderOutcome.Invalid;
        }

        int end = bytes[..Math.Min(bytes.Length, MaxBytes)].IndexOf(LineEnd);
        if (end < 0)
        {
            return bytes.Length < MaxBytes ? ProxyHeaderOutcome.NeedMore : ProxyHeaderOutcome.TooLong;
        }

        if (end < Start.Length || !TryParseLine(bytes[Start.Length..end], out header))
        {
            return ProxyHeaderOutcome.Invalid;
        }

        consumed = end + LineEnd.Length;
        return ProxyHeaderOutcome.Complete;
    }

    /// <summary>Parses the part between <c>PROXY </c> and the end of the line.</summary>
    private static bool TryParseLine(ReadOnlySpan<byte> bytes, out ProxyHeader header)
    {
        header = default;
        if (bytes.SequenceEqual("UNKNOWN"u8) || bytes.StartsWith("UNKNOWN "u8))
        {
            return true; // the rest of the line must be ignored
        }

        Span<char> characters = stackalloc char[MaxBytes];
        ReadOnlySpan<char> line = characters[..Encoding.Latin1.GetChars(bytes, characters)];

        Span<Range> parts = stackalloc Range[Parts + 1];
        if (line.Split(parts, ' ') != Parts
            || Family(line[parts[0]]) is not { } family
            || !TryParseAddress(line[parts[1]], family, out IPAddress? source)
            || !TryParseAddress(line[parts[2]], family, out _)
            || !TryParseNumber(line[parts[3]], ushort.MaxValue, out int port)
            || !TryParseNumber(line[parts[4]], ushort.MaxValue, out _))
        {
            return false;
        }

        header = new ProxyHeader(new IPEndPoint(source!, port));
        return true;
    }

    private static AddressFamily? Family(ReadOnlySpan<char> text) => text switch
    {
        "TCP4" => AddressFamily.InterNetwork,
        "TCP6" => AddressFamily.InterNetworkV6,
        _ => null,
    };

    private static bool TryParseAddress(ReadOnlySpan<char> text, AddressFamily family, out IPAddress? address)
    {
        address = null;
        return family == AddressFamily.InterNetwork
            ? TryParseIPv4(text, out address)
            : !text.ContainsAnyExcept(IPv6Characters) // no scope, no brackets, no port
                && IPAddress.TryParse(text, out address)
                && address.AddressFamily == AddressFamily.InterNetworkV6;
    }

    /// <summary>Parses four decimal numbers; <see cref="IPAddress"/> also takes octal ones, and fewer.</summary>
    private static bool TryParseIPv4(ReadOnlySpan<char> text, out IPAddress? address)
    {
        address = null;
        Span<Range> parts = stackalloc Range[5];
        if (text.Split(parts, '.') != 4)
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[4];
        for (int i = 0; i < bytes.Length; i++)
        {
            if (!TryParseNumber(text[parts[i]], byte.MaxValue, out int value))
            {
                return false;
            }

            bytes[i] = (byte)value;
        }

        address = new IPAddress(bytes);
        return true;
    }

    /// <summary>Parses a decimal number without leading zeros.</summary>
    private static bool TryParseNumber(ReadOnlySpan<char> text, int max, out int value)
    {
        value = 0;
        if (text.Length is 0 or > 5 || (text.Length > 1 && text[0] == '0'))
        {
            return false;
        }

        foreach (char digit in text)
        {
            if (!char.IsAsciiDigit(digit))
            {
                return false;
            }

            value = (value * 10) + (digit - '0');
        }

        return value <= max;
    }
}
