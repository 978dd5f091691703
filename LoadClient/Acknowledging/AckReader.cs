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
internal struct AckReader
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

            if (_length == 0 && input.Length >= PacketHeader.Size + PayloadBytes && PacketHeader.TryRead(input, out PacketHeader header)
                && header.PayloadLength == PayloadBytes)
            {
                count = BinaryPrimitives.ReadUInt64LittleEndian(input[PacketHeader.Size..]);
                input = input[header.PacketLength..];
                return AckInput.Acknowledgement;
            }

            // A packet in several reads, or another one: byte by byte.
            _unfinished ??= new byte[PacketHeader.Size + PayloadBytes];
            _unfinished[_length++] = input[0];
            input = input[1..];
            if (_unfinished[0] != PacketHeader.Prefix)
            {
                return AckInput.Fault;
            }

            if (!PacketHeader.TryRead(_unfinished.AsSpan(0, _length), out header))
            {
                continue;
            }

            if (header.PayloadLength != PayloadBytes)
            {
                _skip = header.PacketLength - _length;
                _length = 0;
            }
            else if (_length == header.PacketLength)
            {
                count = BinaryPrimitives.ReadUInt64LittleEndian(_unfinished.AsSpan(PacketHeader.Size));
                _length = 0;
                return AckInput.Acknowledgement;
            }
        }
    }
}
