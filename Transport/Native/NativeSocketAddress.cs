using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace DotNettyFraming.Transport.Native;

/// <summary>
/// An IP address in the kernel's layout (ip(7), ipv6(7)): 28 bytes per channel instead of about 100 for an end point.
/// <code>
/// sockaddr_in    family u16 | port u16 BE | address 4 | zero 8                       16 bytes
/// sockaddr_in6   family u16 | port u16 BE | flow 4 | address 16 | scope u32          28 bytes
/// sockaddr_un    family u16 | path up to 108                                        110 bytes, on the stack only
/// </code>
/// </summary>
[InlineArray(Capacity)]
internal struct NativeSocketAddress
{
    /// <summary>sizeof(struct sockaddr_in6), the larger one of the IP families.</summary>
    public const int Capacity = 28;

    /// <summary>The maximum length of an address of any family.</summary>
    public const int MaxLength = 112;

    /// <summary>The offset of a Unix socket's path; a path that starts with 0 is abstract and has no file.</summary>
    public const int PathOffset = 2;

    private const int Ipv4Length = 16;

    private static readonly UnixDomainSocketEndPoint AnyPath = new("/");

    private byte _first;

    /// <summary>Returns the stored form of an IP end point.</summary>
    public static NativeSocketAddress Of(EndPoint endPoint, int family)
    {
        var native = default(NativeSocketAddress);
        Encode(endPoint, family, native);
        return native;
    }

    /// <summary>Encodes an end point for a socket of a family; returns the number of bytes.</summary>
    /// <remarks>
    /// A dual-stack IPv6 socket reaches IPv4 by mapped addresses (::ffff:a.b.c.d); a mapped address on an IPv4 socket becomes plain.
    /// </remarks>
    /// <exception cref="ArgumentException">An end point of another kind; names have to be resolved before.</exception>
    /// <exception cref="SocketException">An IPv6 address on an IPv4 socket.</exception>
    public static int Encode(EndPoint endPoint, int family, Span<byte> bytes) => (endPoint, family) switch
    {
        (UnixDomainSocketEndPoint unix, LibC.AF_UNIX) => EncodeUnix(unix, bytes),
        (IPEndPoint ip, LibC.AF_INET) => EncodeIpv4(ip, bytes),
        (IPEndPoint ip, LibC.AF_INET6) => EncodeIpv6(ip, bytes),
        _ => throw new ArgumentException(
            $"{(family == LibC.AF_UNIX ? "a Unix socket's path" : "an IP end point")} is needed, not "
            + $"{endPoint?.GetType().Name ?? "null"}; resolve names first",
            nameof(endPoint)),
    };

    /// <summary>Returns the end point, or <c>null</c> without an address. Mapped addresses stay mapped, as on .NET's sockets.</summary>
    public readonly EndPoint? Decode() => Decode(this);

    /// <summary>Returns the end point of an address from the kernel; <c>null</c> without one, as for an unnamed Unix socket.</summary>
    public static EndPoint? Decode(ReadOnlySpan<byte> bytes) => BitConverter.ToUInt16(bytes) switch
    {
        LibC.AF_INET => new IPEndPoint(new IPAddress(bytes[4..8]), BinaryPrimitives.ReadUInt16BigEndian(bytes[2..])),
        LibC.AF_INET6 => new IPEndPoint(
            new IPAddress(bytes[8..24], BitConverter.ToUInt32(bytes[24..])), BinaryPrimitives.ReadUInt16BigEndian(bytes[2..])),
        LibC.AF_UNIX when bytes.Length > PathOffset => DecodeUnix(bytes),
        _ => null,
    };

    private static int EncodeIpv4(IPEndPoint ip, Span<byte> bytes)
    {
        IPAddress address = ip.Address.IsIPv4MappedToIPv6 ? ip.Address.MapToIPv4() : ip.Address;
        if (address.AddressFamily != AddressFamily.InterNetwork)
        {
            throw SocketErrors.ToException(Errno.EAFNOSUPPORT, $"{ip} on an IPv4 socket");
        }

        EncodePort(LibC.AF_INET, ip.Port, bytes);
        address.TryWriteBytes(bytes[4..8], out _);
        return Ipv4Length;
    }

    private static int EncodeIpv6(IPEndPoint ip, Span<byte> bytes)
    {
        IPAddress address = ip.AddressFamily == AddressFamily.InterNetwork ? ip.Address.MapToIPv6() : ip.Address;
        EncodePort(LibC.AF_INET6, ip.Port, bytes);
        address.TryWriteBytes(bytes[8..24], out _);
        BitConverter.TryWriteBytes(bytes[24..], (uint)address.ScopeId);
        return Capacity;
    }

    private static void EncodePort(int family, int port, Span<byte> bytes)
    {
        BitConverter.TryWriteBytes(bytes, (ushort)family);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)port);
    }

    private static int EncodeUnix(UnixDomainSocketEndPoint unix, Span<byte> bytes)
    {
        SocketAddress address = unix.Serialize();
        address.Buffer.Span[..address.Size].CopyTo(bytes);
        return address.Size;
    }

    private static EndPoint DecodeUnix(ReadOnlySpan<byte> bytes)
    {
        var address = new SocketAddress(AddressFamily.Unix, bytes.Length);
        bytes.CopyTo(address.Buffer.Span);
        return AnyPath.Create(address);
    }
}
