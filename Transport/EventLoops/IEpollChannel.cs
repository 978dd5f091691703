using System.Net.Sockets;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Transport.EventLoops;

/// <summary>A channel of an event loop. On the loop's thread.</summary>
internal interface IEpollChannel : IChannel
{
    /// <summary>Handles events of epoll. Earlier events of the same batch may have changed the channel since the wait returned.</summary>
    void OnReady(uint events);

    /// <summary>Starts to load what <see cref="OnReady"/> will touch.</summary>
    void Prefetch()
    {
    }
}

/// <summary>A channel's registration: the events that epoll watches, and the channel's key. The loop's thread only.</summary>
internal struct EpollRegistration
{
    private EpollEventLoop? _loop;
    private ulong _key;
    private uint _watched;
    private int _fd;

    /// <summary>The watched events; 0 = not in epoll. Between two loops: the events that the next one will watch.</summary>
    public readonly uint Watched => _watched;

    public readonly bool IsAttached => _loop is not null;

    /// <summary>The loop, while attached. The channel's own field lies on another cache line.</summary>
    public readonly EpollEventLoop Loop => _loop!;

    /// <summary>The bare descriptor, next to <see cref="Loop"/> for the same reason.</summary>
    public readonly int Descriptor => _fd;

    /// <summary>Adds the channel to the loop's table and watches the same events as on the previous loop.</summary>
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

    /// <summary>Watches exactly these events; 0 leaves epoll (EPOLL_CTL_DEL).</summary>
    /// <remarks>
    /// EPOLLERR and EPOLLHUP cannot be masked. With an empty mask a reset would wake the loop forever; EPOLLET alone reports
    /// them once.
    /// </remarks>
    /// <exception cref="ChannelException">epoll_ctl failed (ENOMEM, ENOSPC). Not a SocketException, as no peer can cause it.</exception>
    public void Watch(uint events)
    {
        if (events == _watched)
        {
            return;
        }

        if (_loop is null)
        {
            _watched = events; // for the next loop
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

    /// <summary>Leaves epoll, then the table, before the descriptor is closed. Does nothing the second time.</summary>
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
