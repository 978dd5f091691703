using System.Buffers.Binary;
using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>The steps of all peers of one kind, without state per peer.</summary>
/// <param name="Tape">The bytes that they send.</param>
/// <param name="Next">Returns a step for a peer's number and the step's number, both from 0. Any thread.</param>
internal sealed record HostileScript(HostileTape Tape, Func<int, int, HostileStep> Next);

/// <summary>The actions of a hostile peer.</summary>
internal enum HostileAction
{
    Send, // write bytes; the next step follows when the kernel has taken them
    Pause, // wait for the peer's next moment, one per second
    Hold, // wait for the server to end the connection
    Close, // close with a FIN
    Reset, // close with an RST
}

/// <summary>One step of a <see cref="HostileScript"/>; a send has a range of the tape.</summary>
internal readonly record struct HostileStep(HostileAction Action, int Offset = 0, int Length = 0)
{
    public static readonly HostileStep Pause = new(HostileAction.Pause);
    public static readonly HostileStep Hold = new(HostileAction.Hold);
    public static readonly HostileStep Close = new(HostileAction.Close);
    public static readonly HostileStep Reset = new(HostileAction.Reset);

    public static HostileStep Send(int offset, int length) => new(HostileAction.Send, offset, length);
}

/// <summary>The bytes that the peers of a script send, and the offsets of the packets in them.</summary>
/// <remarks>
/// A peer keeps the array that it started with, so that the time in a header never changes while it is sent slowly. Arrays are not
/// pooled: an aborted send may read them after its channel is gone.
/// </remarks>
internal sealed class HostileTape
{
    private const int TimeOffset = 3; // in the default header
    private readonly int[] _packets;
    private byte[] _bytes;
    private uint _time;

    public HostileTape(byte[] bytes, params int[] packets)
    {
        _bytes = bytes;
        _packets = packets;
    }

    public int Length => _bytes.Length;

    /// <summary>Returns a tape of whole packets, side by side.</summary>
    public static HostileTape Of(params byte[][] packets)
    {
        int[] offsets = new int[packets.Length];
        for (int i = 1; i < packets.Length; i++)
        {
            offsets[i] = offsets[i - 1] + packets[i - 1].Length;
        }

        return new HostileTape([.. packets.SelectMany(packet => packet)], offsets);
    }

    /// <summary>Returns the bytes with this time in their headers. On the event loop; the array is never written again.</summary>
    public byte[] Stamped(uint time)
    {
        if (_time != time && _packets.Length > 0)
        {
            byte[] bytes = [.. _bytes];
            foreach (int packet in _packets)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(packet + TimeOffset), time); // a bad packet too
            }

            _bytes = bytes;
            _time = time;
        }

        return _bytes;
    }
}

/// <summary>A count of the whole packets in a stream that arrives in pieces, up to its first fault.</summary>
/// <remarks>Random bytes contain packets, too: the server processes them, and <c>--verify</c> must expect them.</remarks>
internal struct WholePackets
{
    private int _received; // bytes of the current packet
    private int _length; // of its payload, as far as it is known
    private bool _faulted;

    /// <summary>Returns how many packets these bytes complete.</summary>
    public int Add(ReadOnlySpan<byte> bytes)
    {
        int packets = 0;
        while (!bytes.IsEmpty && !_faulted)
        {
            int taken = 1;
            switch (_received)
            {
                case 0:
                    _faulted = bytes[0] != (byte)'&';
                    break;
                case 1:
                    _length = bytes[0];
                    break;
                case 2:
                    _length |= bytes[0] << 8;
                    break;
                default:
                    taken = Math.Min(bytes.Length, HeaderLayout.Default.MaxHeaderLength + _length - _received);
                    break;
            }

            bytes = bytes[taken..];
            _received += taken;
            if (_received >= HeaderLayout.Default.MaxHeaderLength && _received == HeaderLayout.Default.MaxHeaderLength + _length)
            {
                packets++;
                _received = 0;
            }
        }

        return packets;
    }
}
