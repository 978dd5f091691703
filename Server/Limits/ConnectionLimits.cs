using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Limits;

/// <summary>How many connections may be open, in all and from one address. Any thread.</summary>
/// <remarks>One address is an IPv4 address (also where it comes mapped into IPv6), or an IPv6 /64: whoever has one IPv6 address mostly has
/// all of its /64.</remarks>
internal sealed class ConnectionLimits
{
    private readonly int _most;
    private readonly int _mostPerAddress;
    private readonly Lock _lock = new();
    private readonly Dictionary<(AddressFamily Family, ulong Network), int> _perAddress = [];
    private int _open;

    /// <param name="most">Connections in all.</param>
    /// <param name="mostPerAddress">Connections from one address; 0 = no limit.</param>
    public ConnectionLimits(int most, int mostPerAddress)
    {
        _most = most;
        _mostPerAddress = mostPerAddress;
    }

    /// <summary>Lets a connection in, or not.</summary>
    /// <param name="peer">Whose it is; null counts in all only.</param>
    /// <returns>Why it is refused; null where it is let in, and has to <see cref="Leave"/> one day.</returns>
    public CloseReason? Enter(IPAddress? peer)
    {
        if (Interlocked.Increment(ref _open) > _most)
        {
            Interlocked.Decrement(ref _open);
            return CloseReason.TooManyConnections;
        }

        CloseReason? refused = EnterFrom(peer);
        if (refused is not null)
        {
            Interlocked.Decrement(ref _open);
        }

        return refused;
    }

    /// <summary>Counts a connection that was let in with no address as one from this address.</summary>
    /// <param name="peer">Whose it is; null counts nowhere.</param>
    /// <returns>Why it is refused, and not counted; null where it may stay.</returns>
    public CloseReason? EnterFrom(IPAddress? peer)
    {
        if (_mostPerAddress == 0 || peer is null)
        {
            return null;
        }

        lock (_lock)
        {
            (AddressFamily, ulong) key = KeyOf(peer);
            int open = _perAddress.GetValueOrDefault(key);
            if (open >= _mostPerAddress)
            {
                return CloseReason.TooManyFromAddress;
            }

            _perAddress[key] = open + 1;
            return null;
        }
    }

    /// <summary>A connection that was let in has ended.</summary>
    /// <param name="peer">Whose it was.</param>
    public void Leave(IPAddress? peer)
    {
        Interlocked.Decrement(ref _open);
        if (_mostPerAddress == 0 || peer is null)
        {
            return;
        }

        lock (_lock)
        {
            (AddressFamily, ulong) key = KeyOf(peer);
            if (--_perAddress[key] == 0)
            {
                _perAddress.Remove(key);
            }
        }
    }

    /// <summary>Returns the key of an address: all of IPv4, the /64 of IPv6.</summary>
    internal static (AddressFamily, ulong) KeyOf(IPAddress peer)
    {
        Span<byte> bytes = stackalloc byte[16];
        IPAddress address = peer.IsIPv4MappedToIPv6 ? peer.MapToIPv4() : peer;
        address.TryWriteBytes(bytes, out _);
        return address.AddressFamily == AddressFamily.InterNetwork
            ? (address.AddressFamily, BinaryPrimitives.ReadUInt32BigEndian(bytes))
            : (address.AddressFamily, BinaryPrimitives.ReadUInt64BigEndian(bytes));
    }
}
