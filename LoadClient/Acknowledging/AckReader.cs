using System.Buffers.Binary;
using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Acknowledging;

/// <summary>The result of <see cref="AckReader.Next"/>.</summary>
internal enum AckInput
{
    NeedsMore, // no further acknowledgement in these bytes
    Acknowledgement,
    Fault, // the bytes are no packet
}

/// <summary>A reader of acknowledgements, which are packets with a payload of 8 bytes. Other packets are skipped.</summary>
internal struct AckReader(HeaderLayout header)
{
    private const int PayloadBytes = sizeof(ulong);

    private byte[]? _unfinished;
    private int _length; // of the unfinished acknowledgement
    private int _skip; // the rest of another packet

    /// <summary>Returns the next acknowledgement, and removes its bytes and those before it from the input.</summary>
    public AckInput Next(ref ReadOnlySpan<byte> input, out ulong count)
    {
        count = 0;
        while (true)
        {
            int skipped = Math.Min(_skip, input.Length);
            _skip -= skipped;
            input = input[skipped..];
            if (input.IsEmpty)
            {
                return AckInput.NeedsMore;
            }

            if (_length == 0 && IsAcknowledgement(input, out HeaderInspection packet))
            {
                count = BinaryPrimitives.ReadUInt64LittleEndian(input[packet.HeaderLength..]);
                input = input[packet.PacketLength..];
                return AckInput.Acknowledgement;
            }

            // A packet in several reads, or another one: byte by byte.
            _unfinished ??= new byte[HeaderLayout.LongestHeader + PayloadBytes];
            _unfinished[_length++] = input[0];
            input = input[1..];
            if (IsAcknowledgement(_unfinished.AsSpan(0, _length), out packet))
            {
                count = BinaryPrimitives.ReadUInt64LittleEndian(_unfinished.AsSpan(packet.HeaderLength));
                _length = 0;
                return AckInput.Acknowledgement;
            }

            if (packet.Fault is not null || (!packet.IsPacket && _length == _unfinished.Length))
            {
                return AckInput.Fault;
            }

            if (packet.IsPacket && packet.PayloadLength != PayloadBytes)
            {
                _skip = Math.Max(packet.PacketLength - _length, 0);
                _length = 0;
            }
        }
    }

    private readonly bool IsAcknowledgement(ReadOnlySpan<byte> bytes, out HeaderInspection packet)
    {
        packet = header.Inspect(bytes, header.MaxPayloadLength);
        return packet.IsPacket && packet.PayloadLength == PayloadBytes && bytes.Length >= packet.PacketLength;
    }
}
