using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>The bytes that all peers of a script send stretches of, and where in them the packets begin.</summary>
/// <remarks>
/// <see cref="Stamped"/> is for the event loop; the rest is immutable. 10,000 peers with 65,541 bytes each share one array for each second
/// in which some of them were made: a peer keeps the array that it began with, so that the time in a header stays of one piece however
/// slowly it goes out, and arrays that no peer has any more are left to the collector. They are from no pool: an aborted send may read them
/// a moment longer than its channel lives.
/// </remarks>
internal sealed class HostileTape
{
    private readonly int[] _packets;
    private byte[] _bytes;
    private uint _time;

    /// <summary>Records bytes.</summary>
    /// <param name="bytes">They are the tape's from now on.</param>
    /// <param name="packets">Where their packets begin, or what looks like one but for its first byte; each has a time to be stamped.</param>
    public HostileTape(byte[] bytes, params int[] packets)
    {
        _bytes = bytes;
        _packets = packets;
    }

    /// <summary>Number of bytes.</summary>
    public int Length => _bytes.Length;

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
    /// <param name="time">Now, in Unix seconds.</param>
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
