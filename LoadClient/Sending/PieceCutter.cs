using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>Where <c>--split</c> cuts a write into pieces, each of which is handed to the kernel by itself.</summary>
internal enum SplitMode
{
    Header, // in each packet behind its header: 7 bytes, and the payload
    Bytes, // everywhere: one byte at a time

    /// <summary>
    /// Anywhere, also between and across packets: each piece has 1 to half a packet's bytes, as the seed and the connection's number say.
    /// </summary>
    Random,
}

/// <summary>Cuts one connection's writes into pieces, always in the same places for the same seed and connection.</summary>
/// <remarks>TCP may glue the pieces again on their way; that each is a write of its own (and Nagle's algorithm off) is all that a sender
/// can do.</remarks>
internal sealed class PieceCutter
{
    private readonly SplitMode? _mode;
    private readonly PacketTape _tape;
    private readonly Random? _random;

    public PieceCutter(SplitMode? mode, PacketTape tape, int seed, int connection)
    {
        _mode = mode;
        _tape = tape;
        _random = mode == SplitMode.Random ? new Random(unchecked((seed * 397) ^ connection)) : null;
    }

    /// <summary>Where the piece ends that begins at <paramref name="at"/>.</summary>
    public int EndOfPiece(int at, int packet, int end) => _mode switch
    {
        null => end,
        SplitMode.Bytes => at + 1,
        SplitMode.Header => at == _tape.Offsets[packet] ? at + PacketHeader.Size : _tape.Offsets[packet + 1],
        _ => Math.Min(end, at + _random!.Next(1, Math.Max(2, (_tape.Offsets[packet + 1] - _tape.Offsets[packet]) / 2) + 1)),
    };
}
