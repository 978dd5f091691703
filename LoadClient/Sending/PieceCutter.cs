namespace DotNettyFraming.LoadClient.Sending;

/// <summary>The ways of <c>--split</c> to cut a write into pieces; each piece is a system call of its own.</summary>
internal enum SplitMode
{
    Header, // the header, then the payload
    Bytes, // one byte at a time
    Random, // 1 to half a packet's bytes, also across packets
}

/// <summary>The cuts in one connection's writes, always the same for a seed and connection. TCP may still join pieces.</summary>
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

    /// <summary>Returns the end of the piece that starts at <paramref name="at"/> in this packet of a write.</summary>
    public int EndOfPiece(int at, int packet, int end) => _mode switch
    {
        null => end,
        SplitMode.Bytes => at + 1,
        SplitMode.Header => at == _tape.Offsets[packet] ? _tape.PayloadOf(packet) : _tape.Offsets[packet + 1],
        _ => Math.Min(end, at + _random!.Next(1, Math.Max(2, (_tape.Offsets[packet + 1] - _tape.Offsets[packet]) / 2) + 1)),
    };
}
