using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>What the peers of one kind do: one script for all of them, which knows their numbers and keeps no state of them.</summary>
/// <param name="Tape">The bytes that they send.</param>
/// <param name="Next">From a peer's number and the number of its step, both from 0, to that step. Any thread.</param>
internal sealed record HostileScript(HostileTape Tape, Func<int, int, HostileStep> Next);

/// <summary>What a hostile peer can do next.</summary>
internal enum HostileAction
{
    Send, // write bytes; the next step follows when the kernel has taken them
    Pause, // wait for the peer's moment of the second, then take the next step
    Hold, // do nothing any more: it is the server's turn to end the connection
    Close, // close, with a FIN
    Reset, // close, with an RST
}

/// <summary>One step of a <see cref="HostileScript"/>; a send has a stretch of the tape.</summary>
internal readonly record struct HostileStep(HostileAction Action, int Offset = 0, int Length = 0)
{
    public static readonly HostileStep Pause = new(HostileAction.Pause); // waits for the peer's moment of the second
    public static readonly HostileStep Hold = new(HostileAction.Hold); // the last step of a peer that waits for the server
    public static readonly HostileStep Close = new(HostileAction.Close); // the last step of a peer that goes
    public static readonly HostileStep Reset = new(HostileAction.Reset); // the last step of a peer that breaks off

    /// <summary>Writes a stretch of the tape.</summary>
    public static HostileStep Send(int offset, int length) => new(HostileAction.Send, offset, length);
}

/// <summary>The bytes that all peers of a script send stretches of, and where in them the packets begin.</summary>
/// <remarks>
/// <see cref="Stamped"/> is for the event loop; the rest is immutable. A peer keeps the array that it began with, so that the time in a
/// header stays of one piece however slowly it goes out. Arrays are from no pool: an aborted send may read them after its channel is gone.
/// </remarks>
internal sealed class HostileTape
{
    private readonly int[] _packets;
    private byte[] _bytes;
    private uint _time;

    /// <summary>Records bytes.</summary>
    public HostileTape(byte[] bytes, params int[] packets)
    {
        _bytes = bytes;
        _packets = packets;
    }

    public int Length => _bytes.Length; // number of bytes

    /// <summary>A tape of whole packets, side by side.</summary>
    public static HostileTape Of(params byte[][] packets)
    {
        int[] offsets = new int[packets.Length];
        for (int i = 1; i < packets.Length; i++)
        {
            offsets[i] = offsets[i - 1] + packets[i - 1].Length;
        }

        return new HostileTape([.. packets.SelectMany(packet => packet)], offsets);
    }

    /// <summary>The bytes with the time in their headers; never written to again.</summary>
    public byte[] Stamped(uint time)
    {
        if (_time != time && _packets.Length > 0)
        {
            byte[] bytes = [.. _bytes];
            foreach (int packet in _packets)
            {
                PacketHeader.WriteTime(bytes.AsSpan(packet), time);
            }

            _bytes = bytes;
            _time = time;
        }

        return _bytes;
    }
}

/// <summary>
/// Counts the whole packets that a server can find in one connection's stream, handed over in pieces, and keeps none of it.
/// </summary>
/// <remarks>Random bytes hold some, too; and a server that is checked against what was sent (<c>--verify</c>) processes them.</remarks>
internal struct WholePackets
{
    private int _received; // of the packet that is under way
    private int _length; // of its payload, as far as it is known
    private bool _faulted;

    /// <summary>Goes on with the stream.</summary>
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
