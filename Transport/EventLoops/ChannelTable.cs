namespace DotNettyFraming.Transport.EventLoops;

/// <summary>
/// The channels of one event loop by descriptor number. The kernel hands out the lowest free number, so an array is
/// dense enough, and a look-up is an index where a dictionary would hash.
/// </summary>
/// <remarks>
/// A number is used again as soon as it is closed, possibly while an event of its former owner still waits in the
/// batch. So the key that epoll keeps is number and generation, and only the owner of both is found.
/// The loop's thread only.
/// </remarks>
internal sealed class ChannelTable
{
    private Slot[] _slots = new Slot[64];

    /// <summary>Channels registered now.</summary>
    public int Count { get; private set; }

    /// <summary>Enters a channel.</summary>
    /// <returns>Its key: generation in the upper 32 bits (never 0), descriptor in the lower.</returns>
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

    /// <summary>The channel of a key, or <c>null</c> when it is gone.</summary>
    public IEpollChannel? Find(ulong key)
    {
        Slot[] slots = _slots;
        uint fd = (uint)key;
        return fd < (uint)slots.Length && slots[fd].Generation == (uint)(key >> 32) ? slots[fd].Channel : null;
    }

    /// <summary>Removes a channel; its key finds nobody from now on.</summary>
    public void Remove(ulong key)
    {
        if (Find(key) is not null)
        {
            _slots[(uint)key].Channel = null;
            Count--;
        }
    }

    /// <summary>A copy, as closing a channel changes the table.</summary>
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
