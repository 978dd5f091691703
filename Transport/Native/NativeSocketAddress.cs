using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace DotNettyFraming.Transport.Native;

/// <summary>
/// A socket address in the kernel's layout (ip(7), ipv6(7)): 28 bytes per channel instead of about 100 for an end point.
/// <code>
/// sockaddr_in    family u16 | port u16 BE | address 4 | zero 8                       16 bytes
/// sockaddr_in6   family u16 | port u16 BE | flow 4 | address 16 | scope u32          28 bytes
/// </code>
/// </summary>
[InlineArray(Capacity)]
internal struct NativeSocketAddress
{
    /// <summary>sizeof(struct sockaddr_in6), the larger of the two.</summary>
    public const int Capacity = 28;

    private const int Ipv4Length = 16;

    private byte _first;

    /// <summary>Encodes an end point for a socket of a family.</summary>
    /// <remarks>
    /// A dual-stack IPv6 socket reaches IPv4 by mapped addresses (::ffff:a.b.c.d); a mapped address on an IPv4 socket becomes plain.
    /// </remarks>
    /// <exception cref="ArgumentException">Not an IP end point; names have to be resolved before.</exception>
    /// <exception cref="SocketException">An IPv6 address on an IPv4 socket.</exception>
    public static NativeSocketAddress Encode(EndPoint endPoint, int family, out uint length)
    {
        if (endPoint is not IPEndPoint ip)
        {
            throw new ArgumentException(
                $"an IP end point is needed, not {endPoint?.GetType().Name ?? "null"}; resolve names first", nameof(endPoint));
        }

        var native = default(NativeSocketAddress);
        Span<byte> bytes = native;
        BitConverter.TryWriteBytes(bytes, (ushort)family);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)ip.Port);

        if (family == LibC.AF_INET6)
        {
            IPAddress address = ip.AddressFamily == AddressFamily.InterNetwork ? ip.Address.MapToIPv6() : ip.Address;
            address.TryWriteBytes(bytes[8..24], out _);
            BitConverter.TryWriteBytes(bytes[24..], (uint)address.ScopeId);
            length = Capacity;
        }
        else
        {
            IPAddress address = ip.Address.IsIPv4MappedToIPv6 ? ip.Address.MapToIPv4() : ip.Address;
            if (address.AddressFamily != AddressFamily.InterNetwork)
            {
                throw SocketErrors.ToException(Errno.EAFNOSUPPORT, $"{ip} on an IPv4 socket");
            }

            address.TryWriteBytes(bytes[4..8], out _);
            length = Ipv4Length;
        }

        return native;
    }

    /// <summary>Returns the end point, or <c>null</c> without an address. Mapped addresses stay mapped, as on .NET's sockets.</summary>
    public readonly IPEndPoint? Decode()
    {
        ReadOnlySpan<byte> bytes = this;
        int port = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        return BitConverter.ToUInt16(bytes) switch
        {
            LibC.AF_INET => new IPEndPoint(new IPAddress(bytes[4..8]), port),
            LibC.AF_INET6 => new IPEndPoint(new IPAddress(bytes[8..24], BitConverter.ToUInt32(bytes[24..])), port),
            _ => null,
        };
    }
}
