using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Server.Limits;

/// <summary>The limits on open connections, in total and per address. Any thread.</summary>
/// <remarks>An address is an IPv4 address, also if mapped into IPv6, or an IPv6 /64, which one site usually has.</remarks>
/// <param name="max">The limit in total.</param>
/// <param name="maxPerAddress">The limit per address; 0 = no limit.</param>
internal sealed class ConnectionLimits(int max, int maxPerAddress)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(AddressFamily Family, ulong Network), int> _perAddress = [];
    private int _open;

    /// <summary>Counts a connection, unless a limit is reached. A counted one must <see cref="Leave"/>.</summary>
    /// <param name="peer">Its address; null counts in the total only.</param>
    /// <returns>The reason to refuse it; null for none.</returns>
    public CloseReason? Enter(IPAddress? peer)
    {
        if (Interlocked.Increment(ref _open) > max)
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

    /// <summary>Counts a connection that entered without an address, unless the limit of its address is reached.</summary>
    /// <param name="peer">Its address; null counts nowhere.</param>
    /// <returns>The reason to refuse it; null for none.</returns>
    public CloseReason? EnterFrom(IPAddress? peer)
    {
        if (maxPerAddress == 0 || peer is null)
        {
            return null;
        }

        lock (_lock)
        {
            (AddressFamily, ulong) key = KeyOf(peer);
            int open = _perAddress.GetValueOrDefault(key);
            if (open >= maxPerAddress)
            {
                return CloseReason.TooManyFromAddress;
            }

            _perAddress[key] = open + 1;
            return null;
        }
    }

    /// <summary>Removes a connection that has ended.</summary>
    public void Leave(IPAddress? peer)
    {
        Interlocked.Decrement(ref _open);
        if (maxPerAddress == 0 || peer is null)
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
