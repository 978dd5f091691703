using System.Net;

namespace DotNettyFraming.Server.Pipeline.Proxy;

/// <summary>The outcome of parsing the first bytes of a connection.</summary>
internal enum ProxyHeaderOutcome
{
    /// <summary>A valid start; more bytes are needed.</summary>
    NeedMore,

    /// <summary>A complete header.</summary>
    Complete,

    /// <summary>No header, whatever follows.</summary>
    Invalid,

    /// <summary>It starts like a header, and is longer than one may be.</summary>
    TooLong,
}

/// <summary>The header of HAProxy's PROXY protocol (<c>proxy-protocol.txt</c>), in which a balancer names its client.</summary>
/// <remarks>
/// <code>
/// PROXY TCP4 192.0.2.7 198.51.100.1 56324 9999\r\n               version 1: source, destination, their ports
///
/// 0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A   21   11   00 0C          version 2: signature, version and command, family, length,
/// C0 00 02 07   C6 33 64 01   DC 04   27 0F                        source, destination, their ports; big-endian
/// </code>
/// </remarks>
/// <param name="Source">The balancer's client; null if it does not say (LOCAL, UNKNOWN, a family that is not TCP over IP).</param>
internal readonly record struct ProxyHeader(IPEndPoint? Source)
{
    /// <summary>The longest header: a version 2 header may rely on one segment of 536 bytes (section 2).</summary>
    public const int MaxBytes = 536;

    /// <summary>Parses a header. Never throws.</summary>
    /// <param name="bytes">All bytes so far.</param>
    /// <param name="header">The header, if complete.</param>
    /// <param name="consumed">Its length in bytes, if complete.</param>
    /// <returns>The outcome, which is final unless it is <see cref="ProxyHeaderOutcome.NeedMore"/>.</returns>
    public static ProxyHeaderOutcome TryParse(ReadOnlySpan<byte> bytes, out ProxyHeader header, out int consumed)
    {
        header = default;
        consumed = 0;
        if (bytes.IsEmpty)
        {
            return ProxyHeaderOutcome.NeedMore;
        }

        // The versions differ in the first byte.
        return bytes[0] == ProxyVersion2.Signature[0]
            ? ProxyVersion2.TryParse(bytes, out header, out consumed)
            : ProxyVersion1.TryParse(bytes, out header, out consumed);
    }

    /// <summary>Whether the bytes so far agree with <paramref name="expected"/>.</summary>
    internal static bool StartsAs(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> expected)
    {
        int length = Math.Min(bytes.Length, expected.Length);
        return bytes[..length].SequenceEqual(expected[..length]);
    }
}
