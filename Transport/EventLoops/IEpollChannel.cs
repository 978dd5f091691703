using System.Net.Sockets;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>What the event loop asks of a channel. All on the loop's thread.</summary>
internal interface IEpollChannel : IChannel
{
    /// <summary>
    /// epoll reported something. <paramref name="events"/> was true when the wait returned; what earlier events of the same batch
    /// did may have changed it.
    /// </summary>
    void OnReady(uint events);
}

/// <summary>
/// One channel's place in its event loop: what epoll watches for it, and the key by which events find it.
/// A mutable struct inside the channel; the loop's thread only.
/// </summary>
internal struct EpollRegistration
{
    private EpollEventLoop? _loop;
    private ulong _key;
    private uint _watched;
    private int _fd;

    /// <summary>The events watched; 0 = the descriptor is not in epoll. Between two loops: those that the next one will watch.</summary>
    public readonly uint Watched => _watched;

    /// <summary>Whether the channel is in its loop's table.</summary>
    public readonly bool IsAttached => _loop is not null;

    /// <summary>The loop, while registered. Here and not asked of the channel, whose own field lies on another cache line.</summary>
    public readonly EpollEventLoop Loop => _loop!;

    /// <summary>The bare descriptor, for the loop's own calls; beside <see cref="Loop"/> for the same reason.</summary>
    public readonly int Descriptor => _fd;

    /// <summary>Enters the loop's table, and watches what was watched in the loop before.</summary>
    /// <exception cref="SocketException">ENOMEM or ENOSPC.</exception>
    public void Attach(EpollEventLoop loop, int fd, IEpollChannel channel)
    {
        _key = loop.Channels.Add(fd, channel);
        _loop = loop;
        _fd = fd;

        uint kept = _watched;
        _watched = 0;
        Watch(kept);
    }

    /// <summary>Watches for exactly these events; 0 leaves epoll (EPOLL_CTL_DEL).</summary>
    /// <remarks>
    /// EPOLLERR and EPOLLHUP cannot be masked. With an empty mask a reset peer would wake the loop without end; EPOLLET alone
    /// reports them once.
    /// </remarks>
    /// <exception cref="ChannelException">epoll_ctl failed (ENOMEM, ENOSPC). Not a SocketException: no peer can cause it.</exception>
    public void Watch(uint events)
    {
        if (events == _watched)
        {
            return;
        }

        if (_loop is null)
        {
            _watched = events; // between two loops: the next one watches it
            return;
        }

        Change(_loop, events);
    }

    /// <summary>Leaves the loop for another one, which will watch the same events. Does nothing after <see cref="Detach"/>.</summary>
    public void Leave()
    {
        uint watched = _watched;
        Detach();
        _watched = watched;
    }

    /// <summary>
    /// Leaves epoll and the table, in this order and before the descriptor is closed: what epoll has reported already finds nobody.
    /// Does nothing the second time.
    /// </summary>
    public void Detach()
    {
        uint watched = _watched;
        _watched = 0;
        if (_loop is null)
        {
            return;
        }

        if (watched != 0)
        {
            _loop.Poller.Remove(_fd);
        }

        _loop.Channels.Remove(_key);
        _loop = null;
    }

    private void Change(EpollEventLoop loop, uint events)
    {
        int operation = _watched == 0 ? Native.LibC.EPOLL_CTL_ADD
            : events == 0 ? Native.LibC.EPOLL_CTL_DEL
            : Native.LibC.EPOLL_CTL_MOD;
        try
        {
            loop.Poller.Control(operation, _fd, events, _key);
        }
        catch (SocketException e)
        {
            throw new ChannelException(e.Message, e);
        }

        _watched = events;
    }
}
