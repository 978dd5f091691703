using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>One connection's position on the tape, and its current write, at most one. Used on the connection's event loop only.</summary>
/// <remarks>
/// On the epoll transport the bytes go directly to the kernel. The rest, and everything with TLS or on DotNetty's sockets, goes through
/// the pipeline. Only the kernel's socket buffer queues packets, so their number is exact.
/// </remarks>
internal sealed class PacketWriter
{
    internal const int PiecesPerTurn = 16; // of one write, before the next connection's turn

    private readonly LoadLoop _loop;
    private readonly PieceCutter _cutter;
    private IChannel? _channel; // a field of our own, as each object on the way costs a cache miss with thousands of connections
    private int _start;

    // The current write: packets _first to _first + _packets of the copy. The kernel has taken the bytes before _taken.
    private StampedPackets.Copy? _copy;
    private int _first;
    private int _packets;
    private int _packet; // the one with the byte at _taken
    private int _taken;
    private int _end;
    private long _due;

    // The piece that the channel holds.
    private Task? _written;
    private IByteBuffer? _view;
    private int _handedTo;

    public PacketWriter(LoadLoop loop, int connection)
    {
        _loop = loop;
        _start = loop.Packets.Tape.StartOf(connection);
        _cutter = new PieceCutter(loop.Split, loop.Packets.Tape, loop.Seed, connection);
    }

    public bool IsWriting => _copy is not null;
    public bool IsStuck => _written is not null; // the kernel had no room; call Settle when the write is complete
    public long PacketsTaken { get; private set; }
    public long BytesTaken { get; private set; }
    public Exception? Fault { get; private set; }

    /// <summary>Starts a write and returns its number of packets. Only when no other write is in progress.</summary>
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

    /// <summary>Continues the current write until the kernel has no room or the turn is over.</summary>
    public WriteOutcome Advance(IChannelHandlerContext context, Action<Task> whenSettled)
    {
        for (int pieces = 0; pieces < PiecesPerTurn; pieces++)
        {
            int end = _loop.Split is null ? _end : _cutter.EndOfPiece(_taken, _packet, _end);
            Take(_loop.TrySend?.Invoke(_channel ??= context.Channel, _copy!.Range(_taken, end)) ?? 0);
            if (IsWriting && _taken < end)
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

            if (!IsWriting)
            {
                return WriteOutcome.Taken;
            }
        }

        return WriteOutcome.Unfinished;
    }

    /// <summary>Counts the piece that the channel has completed, and returns whether it was written.</summary>
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

        // The reader index is behind the bytes that the kernel took. The socket transport does not learn the result of a send that .NET
        // had in progress, and TLS moves the index when it encrypts.
        if (!_loop.IsEncrypted)
        {
            Take(view.ReaderIndex - _taken);
        }

        CountUnconfirmed();
        Fault ??= written.Exception?.GetBaseException() ?? new OperationCanceledException();
        return false;
    }

    /// <summary>Ends the current write, as the connection has ended.</summary>
    public void Abandon()
    {
        if (IsStuck && _written!.IsCompleted)
        {
            Settle();
        }
        else if (IsStuck)
        {
            // The channel is gone without a result.
            CountUnconfirmed();
            (_written, _view) = (null, null);
        }

        if (_copy is not null)
        {
            _loop.Counters.WritesUntaken(_loop.Clock.Between(_due, _loop.Clock.Read()));
            CountWhole();
            _copy.End();
            _copy = null;
        }
    }

    private void Hand(IChannelHandlerContext context, int end)
    {
        _view = _copy!.RetainedRange(_taken, end);
        _handedTo = end;
        _written = context.WriteAsync(_view);
        context.Flush();
    }

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
        _loop.Counters.TookWrite(_packets, _loop.Clock.Between(_due, _loop.Clock.Read()));
        _loop.WriteTaken();
        _copy!.End();
        _copy = null;
    }

    /// <summary>Counts the whole packets of an unfinished write.</summary>
    private void CountWhole()
    {
        int whole = _loop.Packets.Tape.WholePacketsBefore(_first, _taken);
        PacketsTaken += whole;
        _loop.Counters.TookPackets(whole);
    }
}

/// <summary>The outcome of a connection's turn.</summary>
internal enum WriteOutcome
{
    Taken, // the kernel has taken the whole write
    Unfinished, // a write in pieces needs another turn
    Stuck, // the kernel has no room; the connection calls IPacing.Ready later
    Nothing, // nothing to write: the share is sent, or the connection has failed or ended
}
