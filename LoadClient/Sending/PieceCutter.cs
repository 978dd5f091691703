using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>Cuts one connection's writes into pieces, always in the same places for the same seed and connection.</summary>
/// <remarks>TCP may glue the pieces again on their way; that each is a write of its own (and Nagle's algorithm off) is all that a sender
/// can do.</remarks>
internal sealed class PieceCutter
{
    private readonly SplitMode? _mode;
    private readonly PacketTape _tape;
    private readonly Random? _random;

    /// <summary>Makes a connection's cutter.</summary>
    /// <param name="mode">Null for whole writes.</param>
    /// <param name="tape">What the writes are stretches of.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="connection">The connection's number.</param>
    public PieceCutter(SplitMode? mode, PacketTape tape, int seed, int connection)
    {
        _mode = mode;
        _tape = tape;
        _random = mode == SplitMode.Random ? new Random(unchecked((seed * 397) ^ connection)) : null;
    }

    /// <summary>Where the piece ends that begins at <paramref name="at"/>.</summary>
    /// <param name="at">An offset on the tape.</param>
    /// <param name="packet">The packet that it lies in.</param>
    /// <param name="end">Where the write ends.</param>
    public int EndOfPiece(int at, int packet, int end) => _mode switch
    {
        null => end,
        SplitMode.Bytes => at + 1,
        SplitMode.Header => at == _tape.Offsets[packet] ? at + PacketHeader.Size : _tape.Offsets[packet + 1],
        _ => Math.Min(end, at + _random!.Next(1, Math.Max(2, (_tape.Offsets[packet + 1] - _tape.Offsets[packet]) / 2) + 1)),
    };
}
