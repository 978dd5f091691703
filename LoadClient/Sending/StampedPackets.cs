using DotNetty.Buffers;
using DotNettyFraming.Codec;

namespace DotNettyFraming.LoadClient.Sending;

/// <summary>An event loop's copies of the <see cref="PacketTape"/>, each stamped with one second. Used on its event loop only.</summary>
/// <remarks>
/// One copy serves every write of a second, and is stamped anew at the next. A copy that a write still has bytes in must not change: it is
/// set aside until nothing is in flight from it. So memory is one copy, and one more for each second in which a write got stuck.
/// </remarks>
internal sealed class StampedPackets(PacketTape tape)
{
    private readonly List<Copy> _inFlight = [];
    private Copy? _current;

    public PacketTape Tape => tape;

    public int Copies => _inFlight.Count + (_current is null ? 0 : 1); // number of copies held, for tests of the bound

    /// <summary>The copy to write from now.</summary>
    public Copy At(uint time)
    {
        if (_current is null || _current.Time != time)
        {
            Copy copy = Free() ?? new Copy(tape.Bytes);
            copy.Stamp(tape.Offsets, time);
            _current = copy;
        }

        return _current;
    }

    /// <summary>A copy that nothing is in flight from; the free ones beyond that are left to the collector.</summary>
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

    /// <summary>The tape's bytes with one time in all their headers.</summary>
    internal sealed class Copy
    {
        private readonly byte[] _bytes;
        private readonly IByteBuffer _buffer;
        private int _writes;

        public Copy(ReadOnlyMemory<byte> bytes)
        {
            // Not from a pool: an aborted send may read these bytes a moment longer than its channel lives, and must find packets there.
            // Pinned, because some transport has it in the kernel's hands most of the time.
            _bytes = GC.AllocateUninitializedArray<byte>(bytes.Length, pinned: true);
            bytes.CopyTo(_bytes);
            _buffer = Unpooled.WrappedBuffer(_bytes);
        }

        /// <summary>The time in the headers, Unix seconds.</summary>
        public uint Time { get; private set; }

        /// <summary>Whether a write of it is under way: begun and not taken, or still in a channel's hands.</summary>
        public bool IsInFlight => _writes > 0 || _buffer.ReferenceCount > 1;

        /// <summary>A write of it begins: it is left as it is until the write is over.</summary>
        public void Begin() => _writes++;

        public void End() => _writes--;

        public ReadOnlySpan<byte> Stretch(int begin, int end) => _bytes.AsSpan(begin, end - begin);

        /// <summary>A stretch of it, for a channel, with a reference that the channel releases.</summary>
        public IByteBuffer RetainedStretch(int begin, int end)
        {
            IByteBuffer view = _buffer.RetainedDuplicate();
            view.SetIndex(begin, end);
            return view;
        }

        public void Stamp(ReadOnlySpan<int> offsets, uint time)
        {
            for (int i = 0; i < offsets.Length - 1; i++)
            {
                PacketHeader.WriteTime(_bytes.AsSpan(offsets[i]), time);
            }

            Time = time;
        }
    }
}
