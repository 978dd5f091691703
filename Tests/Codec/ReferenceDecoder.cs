using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

/// <summary>A decoder by the letter of docs/protocol.md, one byte at a time: slow, and short enough to be verified by reading.</summary>
internal sealed class ReferenceDecoder(int maxPayload = 65535)
{
    private readonly List<byte> _packet = [];
    private long _packetStart;

    public List<ReceivedPacket> Packets { get; } = [];

    public FramingFault? Fault { get; private set; }

    public long Discarded { get; private set; }

    public int Unfinished => _packet.Count;

    public ReferenceDecoder Feed(IEnumerable<byte> bytes)
    {
        foreach (byte b in bytes)
        {
            Feed(b);
        }

        return this;
    }

    public ReferenceDecoder End()
    {
        Discarded += _packet.Count;
        _packet.Clear();
        return this;
    }

    private void Feed(byte b)
    {
        if (Fault is not null)
        {
            Discarded++;
            return;
        }

        _packet.Add(b);
        int payload = _packet.Count < 3 ? 0 : _packet[1] + (256 * _packet[2]);
        if (_packet[0] != '&')
        {
            Fail(FramingFaultKind.InvalidPrefix, _packet[0]);
        }
        else if (payload > maxPayload)
        {
            Fail(FramingFaultKind.PayloadTooLarge, payload);
        }
        else if (_packet.Count == 7 + payload)
        {
            long time = _packet[3] + (256L * _packet[4]) + (65536L * _packet[5]) + (16777216L * _packet[6]);
            Packets.Add(new ReceivedPacket((uint)time, [.. _packet.Skip(7)]));
            _packetStart += _packet.Count;
            _packet.Clear();
        }
    }

    private void Fail(FramingFaultKind kind, int found)
    {
        Fault = new FramingFault(kind, _packetStart, found);
        End();
    }
}
