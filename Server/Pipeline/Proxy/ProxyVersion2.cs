using System.Buffers.Binary;
using System.Net;

namespace DotNettyFraming.Server.Pipeline.Proxy;

/// <summary>Version 2 of the header: binary (<c>proxy-protocol.txt</c>, section 2.2).</summary>
internal static class ProxyVersion2
{
    /// <summary>Signature, version and command, family, length.</summary>
    public const int FixedBytes = 16;

    private const int VersionAndCommandAt = 12;
    private const int FamilyAt = 13;
    private const int LengthAt = 14;

    private const int Local = 0x20;
    private const int Proxy = 0x21;

    private const int Unspecified = 0x0;
    private const int IPv4 = 0x1;
    private const int IPv6 = 0x2;
    private const int Unix = 0x3;
    private const int Stream = 0x1;
    private const int Datagram = 0x2;

    /// <summary>Its first bytes.</summary>
    public static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <summary>Parses a header of at least one byte; see <see cref="ProxyHeader.TryParse"/>.</summary>
    public static ProxyHeaderOutcome TryParse(ReadOnlySpan<byte> bytes, out ProxyHeader header, out int consumed)
    {
        header = default;
        consumed = 0;
        if (!ProxyHeader.StartsAs(bytes, Signature)
            || (bytes.Length > VersionAndCommandAt && bytes[VersionAndCommandAt] is not (Local or Proxy)))
        {
            return ProxyHeaderOutcome.Invalid;
        }

        if (bytes.Length < FixedBytes)
        {
            return ProxyHeaderOutcome.NeedMore;
        }

        bool isLocal = bytes[VersionAndCommandAt] == Local;
        int length = BinaryPrimitives.ReadUInt16BigEndian(bytes[LengthAt..]);
        int addressBytes = isLocal ? 0 : AddressBytes(bytes[FamilyAt]); // LOCAL is a balancer's own check; its family is ignored
        if (addressBytes < 0 || length < addressBytes)
        {
            return ProxyHeaderOutcome.Invalid;
        }

        if (length > ProxyHeader.MaxBytes - FixedBytes)
        {
            return ProxyHeaderOutcome.TooLong;
        }

        if (bytes.Length < FixedBytes + length)
        {
            return ProxyHeaderOutcome.NeedMore;
        }

        // TLVs behind the addresses (ALPN, the TLS name, ...) are skipped.
        consumed = FixedBytes + length;
        header = new ProxyHeader(isLocal ? null : Source(bytes[FamilyAt], bytes.Slice(FixedBytes, addressBytes)));
        return ProxyHeaderOutcome.Complete;
    }

    /// <summary>Returns the length of a family's addresses and ports; −1 for an unknown family.</summary>
    private static int AddressBytes(byte familyAndProtocol) => (familyAndProtocol >> 4, familyAndProtocol & 0xF) switch
    {
        (_, > Datagram) => -1,
        (Unspecified, _) => 0,
        (IPv4, _) => (2 * 4) + (2 * sizeof(ushort)),
        (IPv6, _) => (2 * 16) + (2 * sizeof(ushort)),
        (Unix, _) => 2 * 108,
        _ => -1,
    };

    private static IPEndPoint? Source(byte familyAndProtocol, ReadOnlySpan<byte> addresses)
    {
        int bytes = familyAndProtocol switch
        {
            (IPv4 << 4) | Stream => 4,
            (IPv6 << 4) | Stream => 16,
            _ => 0, // valid, but not TCP over IP: as if unspecified
        };
        return bytes == 0
            ? null
            : new IPEndPoint(new IPAddress(addresses[..bytes]), BinaryPrimitives.ReadUInt16BigEndian(addresses[(2 * bytes)..]));
    }
}
