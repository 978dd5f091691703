using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>The packets of one connection, and its current write, at most one. Used on the connection's event loop only.</summary>
/// <remarks>
/// <para>On the epoll transport the bytes go directly to the kernel. The rest, and everything with TLS or on DotNetty's sockets, goes
/// through the pipeline. Only the kernel's socket buffer queues packets, so their number is exact.</para>
/// <para>A packet's number gives its place on the tape, so a packet can be written again without keeping its bytes:</para>
/// <code>
/// packet 0 ... acknowledged ... Next ... Sent ... Started
///                               Next = Started, except after <see cref="Rewind"/>: then the packets up to Started are written again
/// </code>
/// </remarks>
internal sealed class PacketWriter
{
    internal const int PiecesPerTurn = 16; // of one write, before the next connection's turn

    private readonly LoadLoop _loop;
    private readonly PieceCutter _cutter;
    private readonly int _connection;
    private IChannel? _channel; // a field of our own, as each object on the way costs a cache miss with thousands of connections
    private long _next;
    private long _opened; // the first packet since the connection was made

    // The current write: packets _first to _first + _packets of the copy. The kernel has taken the bytes before _taken.
    private StampedPackets.Copy? _copy;
    private int _first;
    private int _packets;
    private int _packet; // the one with the byte at _taken; only for writes in pieces
    private int _taken;
    private int _end;
    private long _due;
    private bool _isResend;

    // The piece that the channel holds.
    private Task? _written;
    private IByteBuffer? _view;
    private int _viewStart;
    private int _handedTo;

    public PacketWriter(LoadLoop loop, int connection)
    {
        _loop = loop;
        _connection = connection;
        _cutter = new PieceCutter(loop.Split, loop.Packets.Tape, loop.Seed, connection);
    }

    public long Started { get; private set; } // packets whose first write has started
    public long Sent { get; private set; } // packets that the kernel has taken to the last byte, each counted once
    public bool MustResend => _next < Started;
    public bool IsWriting => _copy is not null;
    public bool IsStuck => _written is not null; // the kernel had no room; call Settle when the write is complete
    public bool CanSettle => _written is { IsCompleted: true };
    public long PacketsTaken { get; private set; } // since the connection was made
    public long BytesTaken { get; private set; } // since the connection was made
    public Exception? Fault { get; private set; }

    /// <summary>The whole packets in the hands of the kernel or the channel since the connection was made.</summary>
    public long PacketsHandedOver => IsWriting
        ? _next - _packets - _opened + _loop.Packets.Tape.WholePacketsBefore(_first, IsStuck ? _handedTo : _taken)
        : _next - _opened;

    /// <summary>Starts a write: of the packets to write again if there are any, otherwise of new ones.</summary>
    public void Begin(long most, long due)
    {
        PacketTape tape = _loop.Packets.Tape;
        _isResend = MustResend;
        _copy = _loop.Packets.At(_loop.Clock.UnixSecond);
        _copy.Begin();
        _first = _packet = tape.IndexOf(_connection, _next);
        _packets = (int)Math.Min(tape.PacketsPerWrite, _isResend ? Started - _next : most);
        _next += _packets;
        Started = Math.Max(Started, _next);
        _taken = tape.Offsets[_first];
        _end = tape.Offsets[_first + _packets];
        _due = due;
    }

    /// <summary>Continues the current write until the kernel has no room or the turn is over.</summary>
    public WriteOutcome Advance(IChannelHandlerContext context, Action<Task> whenSettled)
    {
        for (int pieces = 0; pieces < PiecesPerTurn; pieces++)
        {
            int end = _loop.WritesPieces ? EndOfPiece() : _end;
            Take(_loop.TrySend?.Invoke(_channel ??= context.Channel, Range(end)) ?? 0);
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
            Take(view.ReaderIndex - _viewStart);
        }

        CountUnconfirmed();
        Fault ??= written.Exception?.GetBaseException() ?? new OperationCanceledException();
        return false;
    }

    /// <summary>Ends the current write, as the connection has ended.</summary>
    public void Abandon()
    {
        if (CanSettle)
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
            if (!_isResend)
            {
                _loop.Counters.WritesUntaken(_loop.Clock.Between(_due, _loop.Clock.Read()));
            }

            // The whole packets of an unfinished write count.
            Count(_loop.Packets.Tape.WholePacketsBefore(_first, _taken));
            _copy.End();
            _copy = null;
        }
    }

    /// <summary>Prepares for a new connection, on which the packets from this one on are written again.</summary>
    public void Rewind(long packet)
    {
        _next = _opened = packet;
        _channel = null;
        PacketsTaken = BytesTaken = 0;
        Fault = null;
    }

    /// <summary>Counts packets as sent that the server has acknowledged; the transport may not have reported them yet.</summary>
    public void Confirm(long acknowledged)
    {
        if (acknowledged > Sent)
        {
            _loop.Counters.TookPackets(acknowledged - Sent, again: 0);
            Sent = acknowledged;
        }
    }

    private int EndOfPiece()
    {
        int end = _cutter.EndOfPiece(_taken, _packet, _end);
        return _loop.Serial is null ? end : Math.Min(end, _taken + SerialStamp.MaxPiece);
    }

    private ReadOnlySpan<byte> Range(int end) => _loop.Serial is { } serial
        ? serial.Compose(_copy!, _taken, end, _packet, _connection, _next - _packets + _packet - _first)
        : _copy!.Range(_taken, end);

    private void Hand(IChannelHandlerContext context, int end)
    {
        _view = _loop.Serial is null ? _copy!.RetainedRange(_taken, end) : Unpooled.WrappedBuffer(Range(end).ToArray());
        _viewStart = _view.ReaderIndex;
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
        else if (_loop.WritesPieces)
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
        Count(_packets);
        if (!_isResend)
        {
            _loop.WriteTaken(_loop.Clock.Between(_due, _loop.Clock.Read()));
        }

        _copy!.End();
        _copy = null;
    }

    /// <summary>Counts the first packets of the current write as taken.</summary>
    private void Count(int packets)
    {
        long end = _next - _packets + packets;
        long fresh = Math.Clamp(end - Sent, 0, packets);
        PacketsTaken += packets;
        Sent += fresh;
        _loop.Counters.TookPackets(fresh, packets - fresh);
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
