using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>One connection's place on the tape, and its write under way, if there is one: never more than that one.</summary>
/// <remarks>
/// A write is a view of the loop's <see cref="StampedPackets"/>, stamped with the second in which it is handed to the channel. One view
/// object serves all writes from one copy. The task that DotNetty makes for a write is only looked at; it gets no continuation, and
/// nothing is allocated for a write here. Used on the connection's event loop only.
/// </remarks>
internal sealed class PacketWriter
{
    private readonly LoadLoop _loop;
    private int _start;
    private StampedPackets.Copy? _copy;
    private IByteBuffer? _view;

    // The write under way.
    private Task? _written;
    private int _firstPacket;
    private int _packets;

    /// <summary>Puts a connection at its place on the tape.</summary>
    /// <param name="loop">The connection's event loop.</param>
    /// <param name="connection">Its number in the run.</param>
    public PacketWriter(LoadLoop loop, int connection)
    {
        _loop = loop;
        _start = loop.Packets.Tape.StartOf(connection);
    }

    /// <summary>Why a write failed, if one did.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>Hands the next stretch of packets to the channel and flushes it; only when nothing is under way.</summary>
    /// <param name="context">The handler that writes.</param>
    /// <param name="most">The most packets to write; the tape's packets a write are the other bound.</param>
    /// <returns>Packets and bytes handed over.</returns>
    public (int Packets, int Bytes) Write(IChannelHandlerContext context, long most)
    {
        PacketTape tape = _loop.Packets.Tape;
        StampedPackets.Copy copy = _loop.Packets.At((uint)_loop.Clock.GetUtcNow().ToUnixTimeSeconds());
        if (copy != _copy)
        {
            _copy = copy;
            _view = copy.NewView();
        }

        _firstPacket = _start;
        _packets = (int)Math.Min(tape.PacketsPerWrite, most);
        _start = (_start + _packets) % tape.Starts;
        int begin = tape.Offsets[_firstPacket];
        int end = tape.Offsets[_firstPacket + _packets];

        _view!.SetIndex(begin, end);
        _view.Retain();
        _written = context.WriteAsync(_view);
        context.Flush();
        return (_packets, end - begin);
    }

    /// <summary>Counts the write under way, if the channel is done with it.</summary>
    /// <returns>Whether nothing is under way now.</returns>
    public bool Settle()
    {
        if (_written is null)
        {
            return true;
        }

        if (!_written.IsCompleted)
        {
            return false;
        }

        PacketTape tape = _loop.Packets.Tape;
        int begin = tape.Offsets[_firstPacket];
        if (_written.IsCompletedSuccessfully)
        {
            _loop.Counters.Taken(_packets, tape.Offsets[_firstPacket + _packets] - begin);
            _loop.WriteTaken();
        }
        else
        {
            // The channel moves the reader index over what the kernel took, as far as it knows: of a send that .NET had under way
            // the socket transport learns nothing more.
            int taken = _view!.ReaderIndex;
            int whole = tape.WholePacketsBefore(_firstPacket, taken);
            _loop.Counters.Taken(whole, taken - begin);
            _loop.Counters.Unconfirmed(_packets - whole);
            Fault ??= _written.Exception!.GetBaseException();
        }

        _written = null;
        return true;
    }

    /// <summary>Lets go of the packets; the connection has ended.</summary>
    public void Release()
    {
        _copy = null;
        _view = null;
    }
}
