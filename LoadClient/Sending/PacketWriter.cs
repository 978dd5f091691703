using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>One connection's place on the tape, and its write under way: at most one.</summary>
/// <remarks>
/// A write is a stretch of the loop's <see cref="StampedPackets"/>. Where the transport can, its bytes go straight to the kernel; the rest,
/// and everything with TLS or on DotNetty's sockets, goes through the channel's pipeline. The kernel's socket buffer is the only queue, so
/// the packets sent are known to the byte. Used on the connection's event loop only.
/// </remarks>
internal sealed class PacketWriter
{
    internal const int PiecesPerTurn = 16; // pieces of one write before the next connection gets its turn

    private readonly LoadLoop _loop;
    private readonly PieceCutter _cutter;
    private IChannel? _channel; // asked of the context once: with thousands of connections each object on the way comes from memory
    private int _start;

    // The write under way: packets _first to _first + _packets of the copy; the kernel has taken what lies before _taken.
    private StampedPackets.Copy? _copy;
    private int _first;
    private int _packets;
    private int _packet; // the one that _taken lies in
    private int _taken;
    private int _end;
    private long _due;

    // The piece that a channel holds, if one does.
    private Task? _written;
    private IByteBuffer? _view;
    private int _handedTo;

    public PacketWriter(LoadLoop loop, int connection)
    {
        _loop = loop;
        _start = loop.Packets.Tape.StartOf(connection);
        _cutter = new PieceCutter(loop.Split, loop.Packets.Tape, loop.Seed, connection);
    }

    public bool IsUnderWay => _copy is not null; // whether a write has begun and is not over
    public bool IsStuck => _written is not null; // whether the kernel has had no room; Settle when it has
    public long PacketsTaken { get; private set; }
    public long BytesTaken { get; private set; }

    public Exception? Fault { get; private set; } // why a write failed, if one did

    /// <summary>Begins a write; only when none is under way.</summary>
    public int Begin(long most, long due)
    {
        PacketTape tape = _loop.Packets.Tape;
        _copy = _loop.Packets.At(_loop.Clock.UnixSecond);
        _copy.Begin();
        _first = _packet = _start;
        _packets = (int)Math.Min(tape.PacketsPerWrite, most);
        _start = (_start + _packets) % tape.Starts;
        _taken = tape.Offsets[_first];
        _end = tape.Offsets[_first + _packets];
        _due = due;
        return _packets;
    }

    /// <summary>Goes on with the write under way, as far as the kernel has room and the turn lasts.</summary>
    public WriteOutcome Advance(IChannelHandlerContext context, Action<Task> whenSettled)
    {
        for (int pieces = 0; pieces < PiecesPerTurn; pieces++)
        {
            int end = _loop.Split is null ? _end : _cutter.EndOfPiece(_taken, _packet, _end);
            Take(_loop.TrySend?.Invoke(_channel ??= context.Channel, _copy!.Stretch(_taken, end)) ?? 0);
            if (IsUnderWay && _taken < end)
            {
                Hand(context, end);
                if (!_written!.IsCompleted)
                {
                    _ = _written.ContinueWith(
                        whenSettled, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                    return WriteOutcome.Stuck;
                }

                if (!Settle())
                {
                    return WriteOutcome.Nothing;
                }
            }

            if (!IsUnderWay)
            {
                return WriteOutcome.Taken;
            }
        }

        return WriteOutcome.Unfinished;
    }

    /// <summary>Counts the piece that the channel is done with.</summary>
    public bool Settle()
    {
        Task written = _written!;
        IByteBuffer view = _view!;
        (_written, _view) = (null, null);
        if (written.IsCompletedSuccessfully)
        {
            Take(_handedTo - _taken);
            return true;
        }

        // The channel moves the reader index over what the kernel took, as far as it knows: of a send that .NET had under way the socket
        // transport learns nothing more, and TLS has moved it when it encrypted.
        if (!_loop.IsEncrypted)
        {
            Take(view.ReaderIndex - _taken);
        }

        CountUnconfirmed();
        Fault ??= written.Exception?.GetBaseException() ?? new OperationCanceledException();
        return false;
    }

    /// <summary>The connection has ended: gives up the write under way.</summary>
    public void Abandon()
    {
        if (IsStuck && _written!.IsCompleted)
        {
            Settle();
        }
        else if (IsStuck)
        {
            // The channel is gone, and has not said what became of it.
            CountUnconfirmed();
            (_written, _view) = (null, null);
        }

        if (_copy is not null)
        {
            _loop.Counters.WritesUntaken(_loop.Clock.Between(_due, _loop.Clock.Look()));
            CountWhole();
            _copy.End();
            _copy = null;
        }
    }

    private void Hand(IChannelHandlerContext context, int end)
    {
        _view = _copy!.RetainedStretch(_taken, end);
        _handedTo = end;
        _written = context.WriteAsync(_view);
        context.Flush();
    }

    /// <summary>The kernel has taken so many bytes more.</summary>
    private void Take(int bytes)
    {
        _taken += bytes;
        BytesTaken += bytes;
        _loop.Counters.TookBytes(bytes);
        if (_taken == _end)
        {
            Finish();
        }
        else if (_loop.Split is not null)
        {
            ReadOnlySpan<int> offsets = _loop.Packets.Tape.Offsets;
            while (_taken >= offsets[_packet + 1])
            {
                _packet++;
            }
        }
    }

    private void CountUnconfirmed()
    {
        PacketTape tape = _loop.Packets.Tape;
        _loop.Counters.Unconfirmed(
            tape.WholePacketsBefore(_first, _handedTo) - tape.WholePacketsBefore(_first, _taken), _handedTo - _taken);
    }

    private void Finish()
    {
        PacketsTaken += _packets;
        _loop.Counters.TookWrite(_packets, _loop.Clock.Between(_due, _loop.Clock.Look()));
        _loop.WriteTaken();
        _copy!.End();
        _copy = null;
    }

    /// <summary>Of a write that will never be whole, the packets that are.</summary>
    private void CountWhole()
    {
        int whole = _loop.Packets.Tape.WholePacketsBefore(_first, _taken);
        PacketsTaken += whole;
        _loop.Counters.TookPackets(whole);
    }
}

/// <summary>What came of a connection's turn.</summary>
internal enum WriteOutcome
{
    Taken, // the kernel has taken the whole write; nothing is under way
    Unfinished, // the turn is over in the middle of a write in pieces; the next turn goes on with it
    Stuck, // the kernel has no room: the connection says IPacing.Ready when it has
    Nothing, // there was nothing to write: the share is sent, or the connection has failed or ended
}
