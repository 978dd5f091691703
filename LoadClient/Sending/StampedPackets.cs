using DotNetty.Buffers;
using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>An event loop's copies of the <see cref="PacketTape"/>, each stamped with one second. Used on that loop only.</summary>
/// <remarks>
/// All writes of a second use one copy, which is stamped again in the next second. A copy with unsent bytes of a write must not change, so
/// another one takes its place. Memory is one copy, and one more per second in which a write got stuck.
/// </remarks>
internal sealed class StampedPackets(PacketTape tape)
{
    private readonly List<Copy> _inFlight = [];
    private Copy? _current;

    public PacketTape Tape => tape;

    public int Copies => _inFlight.Count + (_current is null ? 0 : 1); // for tests

    /// <summary>Returns the copy for writes of this second.</summary>
    public Copy At(uint time)
    {
        if (_current is null || (tape.HasTime && _current.Time != time))
        {
            Copy copy = Free() ?? new Copy(tape.Bytes);
            copy.Stamp(tape.Header, tape.HasTime ? tape.Offsets : [0], time);
            _current = copy;
        }

        return _current;
    }

    /// <summary>Returns a copy without unsent bytes, or null; the other free ones are dropped.</summary>
    private Copy? Free()
    {
        if (_current is not null)
        {
            _inFlight.Add(_current);
        }

        Copy? free = _inFlight.Find(copy => !copy.IsInFlight);
        _inFlight.RemoveAll(copy => !copy.IsInFlight);
        return free;
    }

    /// <summary>The tape's bytes with one time in all headers.</summary>
    internal sealed class Copy
    {
        private readonly byte[] _bytes;
        private readonly IByteBuffer _buffer;
        private int _writes;

        public Copy(ReadOnlyMemory<byte> bytes)
        {
            // Not from a pool: an aborted send may read these bytes after its channel is gone, and must find packets.
            // Pinned, because transports pass it to the kernel most of the time.
            _bytes = GC.AllocateUninitializedArray<byte>(bytes.Length, pinned: true);
            bytes.CopyTo(_bytes);
            _buffer = Unpooled.WrappedBuffer(_bytes);
        }

        public uint Time { get; private set; } // Unix seconds

        /// <summary>Whether a write uses it, or a channel holds bytes of it.</summary>
        public bool IsInFlight => _writes > 0 || _buffer.ReferenceCount > 1;

        /// <summary>Keeps the bytes unchanged until <see cref="End"/>.</summary>
        public void Begin() => _writes++;

        public void End() => _writes--;

        public ReadOnlySpan<byte> Range(int start, int end) => _bytes.AsSpan(start, end - start);

        /// <summary>Returns a range as a buffer, with a reference that the channel releases.</summary>
        public IByteBuffer RetainedRange(int start, int end)
        {
            IByteBuffer view = _buffer.RetainedDuplicate();
            view.SetIndex(start, end);
            return view;
        }

        public void Stamp(HeaderLayout header, ReadOnlySpan<int> offsets, uint time)
        {
            for (int i = 0; i < offsets.Length - 1; i++)
            {
                header.WriteTime(_bytes.AsSpan(offsets[i]), time);
            }

            Time = time;
        }
    }
}
