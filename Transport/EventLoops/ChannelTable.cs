using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>The channels of one event loop by descriptor. The loop's thread only.</summary>
/// <remarks>
/// An array, as the kernel gives out the lowest free number. A number can be reused while an event of its former owner still
/// waits in the batch, so epoll's key is descriptor and generation.
/// </remarks>
internal sealed class ChannelTable
{
    private Slot[] _slots = new Slot[64];

    public int Count { get; private set; }

    /// <summary>Adds a channel and returns its key: generation in the upper 32 bits (never 0), descriptor in the lower.</summary>
    public ulong Add(int fd, IEpollChannel channel)
    {
        if (fd >= _slots.Length)
        {
            Array.Resize(ref _slots, Math.Max(fd + 1, _slots.Length * 2));
        }

        ref Slot slot = ref _slots[fd];
        if (++slot.Generation == 0)
        {
            slot.Generation = 1;
        }

        slot.Channel = channel;
        Count++;
        return ((ulong)slot.Generation << 32) | (uint)fd;
    }

    /// <summary>Returns the channel of a key, or <c>null</c> after its removal.</summary>
    public IEpollChannel? Find(ulong key)
    {
        Slot[] slots = _slots;
        uint fd = (uint)key;
        return fd < (uint)slots.Length && slots[fd].Generation == (uint)(key >> 32) ? slots[fd].Channel : null;
    }

    /// <summary>Starts to load a channel's memory, for an event that is dispatched soon.</summary>
    public void Prefetch(ulong key)
    {
        uint fd = (uint)key;
        if (fd < (uint)_slots.Length)
        {
            Prefetch(_slots[fd].Channel, cacheLines: 4);
        }
    }

    /// <summary>Starts to load an object's first cache lines; does nothing where the processor has no such instruction.</summary>
    /// <remarks>The collector may move the object meanwhile: prefetching never faults, and a stale address only gains nothing.</remarks>
    public static unsafe void Prefetch(object? target, int cacheLines)
    {
        if (Sse.IsSupported && target is not null)
        {
            byte* address = *(byte**)Unsafe.AsPointer(ref target);
            for (int line = 0; line < cacheLines; line++)
            {
                Sse.Prefetch0(address + (64 * line));
            }
        }
    }

    public void Remove(ulong key)
    {
        if (Find(key) is not null)
        {
            _slots[(uint)key].Channel = null;
            Count--;
        }
    }

    /// <summary>Returns a copy, as closing a channel changes the table.</summary>
    public IEpollChannel[] ToArray()
    {
        var channels = new List<IEpollChannel>(Count);
        foreach (Slot slot in _slots)
        {
            if (slot.Channel is { } channel)
            {
                channels.Add(channel);
            }
        }

        return [.. channels];
    }

    private struct Slot
    {
        public IEpollChannel? Channel;
        public uint Generation;
    }
}
