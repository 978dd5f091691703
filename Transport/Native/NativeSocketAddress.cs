using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace DotNettyFraming.Transport.Native;

/// <summary>
/// A socket address as the kernel lays it out (ip(7), ipv6(7)):
/// <code>
/// sockaddr_in    family u16 | port u16 BE | address 4 | zero 8                       16 bytes
/// sockaddr_in6   family u16 | port u16 BE | flow 4 | address 16 | scope u32          28 bytes
/// </code>
/// 28 bytes in the channel instead of the 100 or so that an <see cref="IPEndPoint"/> with its address takes: an
/// accepted channel keeps it, and makes the end point only when somebody asks.
/// </summary>
[InlineArray(Capacity)]
internal struct NativeSocketAddress
{
    /// <summary>sizeof(struct sockaddr_in6), the larger of the two.</summary>
    public const int Capacity = 28;

    private const int Ipv4Length = 16;

    private byte _first;

    /// <summary>
    /// Encodes an end point for a socket of the given family. A dual-stack IPv6 socket reaches IPv4 through mapped
    /// addresses (::ffff:a.b.c.d, ipv6(7)), and a mapped address on an IPv4 socket becomes plain again.
    /// </summary>
    /// <param name="endPoint">An <see cref="IPEndPoint"/>; names have to be resolved before.</param>
    /// <param name="family">AF_INET or AF_INET6.</param>
    /// <param name="length">Bytes used.</param>
    /// <exception cref="ArgumentException">Not an IP end point.</exception>
    /// <exception cref="SocketException">An IPv6 address on an IPv4 socket.</exception>
    public static NativeSocketAddress Encode(EndPoint endPoint, int family, out uint length)
    {
        if (endPoint is not IPEndPoint ip)
        {
            throw new ArgumentException($"an IP end point is needed, not {endPoint?.GetType().Name ?? "null"}; resolve names first", nameof(endPoint));
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

    /// <summary>The end point that the bytes mean, or <c>null</c> where there is no address. Mapped addresses stay mapped, as on .NET's dual-mode sockets.</summary>
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
