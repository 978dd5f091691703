using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>Counts the whole packets that a server can find in one connection's stream, handed over in pieces, and keeps none of it.</summary>
/// <remarks>Random bytes hold some, too; and a server that is checked against what was sent (<c>--verify</c>) processes them.</remarks>
internal struct WholePackets
{
    private int _received; // of the packet that is under way
    private int _length; // of its payload, as far as it is known
    private bool _faulted;

    /// <summary>Goes on with the stream.</summary>
    /// <returns>The packets that these bytes complete.</returns>
    public int Add(ReadOnlySpan<byte> bytes)
    {
        int packets = 0;
        while (!bytes.IsEmpty && !_faulted)
        {
            int taken = 1;
            switch (_received)
            {
                case 0:
                    _faulted = bytes[0] != PacketHeader.Prefix;
                    break;
                case 1:
                    _length = bytes[0];
                    break;
                case 2:
                    _length |= bytes[0] << 8;
                    break;
                default:
                    taken = Math.Min(bytes.Length, PacketHeader.Size + _length - _received);
                    break;
            }

            bytes = bytes[taken..];
            _received += taken;
            if (_received >= PacketHeader.Size && _received == PacketHeader.Size + _length)
            {
                packets++;
                _received = 0;
            }
        }

        return packets;
    }
}
