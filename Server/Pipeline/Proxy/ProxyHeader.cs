using System.Net;

namespace DotNettyFraming.Server.Pipeline.Proxy;

/// <summary>What the bytes so far come to.</summary>
internal enum ProxyHeaderOutcome
{
    /// <summary>A right beginning; more must come.</summary>
    NeedMore,

    /// <summary>A whole header.</summary>
    Complete,

    /// <summary>No header, and none whatever follows.</summary>
    Invalid,

    /// <summary>It starts as a header does, and is longer than one may be.</summary>
    TooLong,
}

/// <summary>
/// The header of HAProxy's PROXY protocol (<c>proxy-protocol.txt</c>), with which a balancer says whose connection it passes on:
/// version 1, a line of text, or version 2, binary. A pure function of the bytes at the start of a connection.
/// </summary>
/// <remarks>
/// <code>
/// PROXY TCP4 192.0.2.7 198.51.100.1 56324 9999\r\n               version 1: source, destination, their ports
///
/// 0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A   21   11   00 0C          version 2: signature, version and command, family, length,
/// C0 00 02 07   C6 33 64 01   DC 04   27 0F                        source, destination, their ports; big-endian
/// </code>
/// </remarks>
/// <param name="Source">The peer that the balancer accepted; null where it does not say (LOCAL, UNKNOWN, a family that is not TCP
/// over IP), and the socket's own address holds.</param>
internal readonly record struct ProxyHeader(IPEndPoint? Source)
{
    /// <summary>No header is longer: what a version 2 header may count on to come in one segment (536 bytes, section 2).</summary>
    public const int MaxBytes = 536;

    /// <summary>Reads a header.</summary>
    /// <param name="bytes">All that has come so far.</param>
    /// <param name="header">What it says, when complete.</param>
    /// <param name="consumed">Its length in bytes, when complete; what follows is the connection's own.</param>
    /// <returns>The outcome: the same for any longer input, unless it is <see cref="ProxyHeaderOutcome.NeedMore"/>. Never throws.</returns>
    public static ProxyHeaderOutcome TryParse(ReadOnlySpan<byte> bytes, out ProxyHeader header, out int consumed)
    {
        header = default;
        consumed = 0;
        if (bytes.IsEmpty)
        {
            return ProxyHeaderOutcome.NeedMore;
        }

        // The two have no first byte in common.
        return bytes[0] == ProxyVersion2.Signature[0]
            ? ProxyVersion2.TryParse(bytes, out header, out consumed)
            : ProxyVersion1.TryParse(bytes, out header, out consumed);
    }

    /// <summary>Whether as much of <paramref name="bytes"/> as there is agrees with how a header must begin.</summary>
    internal static bool BeginsAs(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> expected)
    {
        int length = Math.Min(bytes.Length, expected.Length);
        return bytes[..length].SequenceEqual(expected[..length]);
    }
}
