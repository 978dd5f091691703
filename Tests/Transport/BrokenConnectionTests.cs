using System.Net.Sockets;
using System.Reflection;
using System.Runtime.InteropServices;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;
using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Tests.Transport;

/// <summary>The end of a connection as a channel and its handlers see it, while reading, writing or paused.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public class BrokenConnectionTests : TransportContract<EpollTransport>
{
    private static readonly Action<ServerBootstrap> AllowHalfClosure = b => b.ChildOption(ChannelOption.AllowHalfClosure, true);

    [Test]
    public async Task Reset_of_a_half_closed_idle_channel_closes_it()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(AllowHalfClosure);
        peer.Shutdown(SocketShutdown.Send);
        await handler.UserEvent.WaitAsync(Cancel);
        await OnLoop(channel, () => 0); // nothing is watched any more

        Reset(peer);

        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Events, Is.EqualTo("active event inactive".Split(' ')), "the input was complete: no error");
    }

    [Test]
    public async Task Both_directions_shut_leave_the_channel_open_and_at_rest()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(AllowHalfClosure);
        await ((EpollSocketChannel)channel).ShutdownOutputAsync().WaitAsync(Cancel);
        peer.Shutdown(SocketShutdown.Send);
        await handler.UserEvent.WaitAsync(Cancel);

        Assert.That(await WakeUpsWhileIdle(channel), Is.LessThan(20));
        Assert.That(channel.Active, Is.True);
    }

    [TestCase(false, TestName = "Reset_of_a_paused_channel_is_reported_without_a_read")]
    [TestCase(true, TestName = "Reset_of_a_channel_paused_while_active_is_reported")]
    public async Task Reset_of_a_paused_channel_is_reported(bool pausedWhileActive)
    {
        (_, RecordingHandler handler, Socket peer) = await Accepted(
            b => b.ChildOption(ChannelOption.AutoRead, pausedWhileActive),
            h => h.OnActive = c => c.Channel.Configuration.AutoRead = false);

        Reset(peer);

        var error = await handler.Exception.WaitAsync(Cancel) as SocketException;
        Assert.That(error?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
        await handler.Inactive.WaitAsync(Cancel);
    }

    [Test]
    public async Task Paused_broken_channel_fails_its_writes_and_keeps_its_input()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == 10);
        Task write = channel.WriteAndFlushAsync(Buffer(new byte[8_000_000]));
        await OnLoop(channel, () => 0);
        Assert.That(write.IsCompleted, Is.False);

        Reset(peer);

        Exception failure = await Failure(write);
        Assert.That(failure, Is.InstanceOf<ClosedChannelException>());
        Assert.That((failure.InnerException as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
        Assert.That(await WakeUpsWhileIdle(channel), Is.LessThan(20));
        Assert.That(channel.Open, Is.True, "10 bytes are unread");

        channel.Configuration.AutoRead = true;
        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Received, Is.EqualTo(Pattern(10)));
        Assert.That(handler.Events, Is.EqualTo("active read complete exception inactive".Split(' ')));
    }

    [Test]
    public async Task Paused_broken_channel_without_writes_fails_the_next_one()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == 10);
        Reset(peer);
        await WakeUpsWhileIdle(channel);

        Exception failure = await Failure(channel.WriteAndFlushAsync(Buffer(Pattern(10))));

        Assert.That((failure.InnerException as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
        Assert.That(handler.Events, Is.EqualTo(["active"]));
    }

    [Test]
    public async Task Reset_behind_an_unread_FIN_closes_once_the_FIN_is_read()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            b => b.ChildOption(ChannelOption.AutoRead, false).ChildOption(ChannelOption.AllowHalfClosure, true));
        peer.Shutdown(SocketShutdown.Send);
        Reset(peer);
        Assert.That(await WakeUpsWhileIdle(channel), Is.LessThan(20));
        Assert.That(handler.Events, Is.EqualTo(["active"]));

        channel.Configuration.AutoRead = true;

        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Events, Is.EqualTo("active event inactive".Split(' ')));
    }

    [Test]
    public async Task Read_complete_comes_between_the_last_data_and_the_reset()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == 10);
        Reset(peer);

        channel.Configuration.AutoRead = true;

        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Events, Is.EqualTo("active read complete exception inactive".Split(' ')));
    }

    [Test]
    public async Task Read_complete_comes_between_the_last_data_and_the_FIN()
    {
        (IChannel channel, RecordingHandler handler) = await EndedOutputAndUnreadEnd();

        channel.Configuration.AutoRead = true;

        await handler.UserEvent.WaitAsync(Cancel);
        await OnLoop(channel, () => 0);
        Assert.That(handler.Events, Is.EqualTo("active read complete event".Split(' ')));
        Assert.That(channel.Active, Is.True);
    }

    [Test]
    public async Task Write_error_is_reported_as_the_reset_it_was_after_the_input()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == 10);
        Reset(peer);
        await Failure(channel.WriteAndFlushAsync(Buffer(Pattern(10))));

        channel.Configuration.AutoRead = true;

        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Exception.IsCompleted, Is.True);
        Assert.That((await handler.Exception as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
    }

    [TestCase(104, true, TestName = "ECONNRESET_is_the_peers")]
    [TestCase(32, true, TestName = "EPIPE_is_the_peers")]
    [TestCase(110, true, TestName = "ETIMEDOUT_is_the_networks")]
    [TestCase(113, true, TestName = "EHOSTUNREACH_is_the_networks")]
    [TestCase(101, true, TestName = "ENETUNREACH_is_the_networks")]
    [TestCase(111, true, TestName = "ECONNREFUSED_is_the_networks")]
    [TestCase(13, true, TestName = "EACCES_is_the_networks")]
    [TestCase(12, false, TestName = "ENOMEM_is_ours")]
    [TestCase(105, false, TestName = "ENOBUFS_is_ours")]
    [TestCase(28, false, TestName = "ENOSPC_is_ours")]
    [TestCase(9, false, TestName = "EBADF_is_ours")]
    [TestCase(22, false, TestName = "EINVAL_is_ours")]
    public void Errno_decides_between_SocketException_and_ChannelException(int errno, bool peerOrNetwork)
    {
        Exception error = SocketErrors.OfConnection(errno);
        Assert.That(error, peerOrNetwork ? Is.TypeOf<SocketException>() : Is.TypeOf<ChannelException>());
    }

    [Test]
    public async Task Failing_epoll_ctl_in_a_dispatch_is_not_reported_as_the_peers()
    {
        (IChannel channel, RecordingHandler handler) = await EndedOutputAndUnreadEnd();
        handler.OnRead = (c, _) => TakeOutOfEpoll(c.Channel);

        channel.Configuration.AutoRead = true;

        await IsReportedAsOurFault(handler);
        Assert.That(handler.Events, Is.EqualTo("active read complete exception inactive".Split(' ')));
    }

    [Test]
    public async Task Failing_epoll_ctl_at_a_read_is_not_reported_as_the_peers()
    {
        (IChannel channel, RecordingHandler handler, _) = await Accepted(b => b.ChildOption(ChannelOption.AutoRead, false));
        await OnLoop(channel, () => TakeOutOfEpoll(channel));

        channel.Read();

        await IsReportedAsOurFault(handler);
        Assert.That(handler.Events, Is.EqualTo("active exception inactive".Split(' ')));
    }

    [Test]
    public async Task Failing_epoll_ctl_at_a_write_is_not_reported_as_the_peers()
    {
        (IChannel channel, RecordingHandler handler, _) = await Accepted();
        await OnLoop(channel, () => TakeOutOfEpoll(channel));

        Exception failure = await Failure(channel.WriteAndFlushAsync(Buffer(new byte[8_000_000])));

        Assert.That(failure, Is.InstanceOf<ClosedChannelException>());
        await IsReportedAsOurFault(handler);
        Assert.That(handler.Events, Is.EqualTo("active exception inactive".Split(' ')));
    }

    [Test]
    public async Task Message_released_too_early_is_not_reported_as_the_peers()
    {
        (IChannel channel, RecordingHandler handler, _) = await Accepted();
        DotNetty.Buffers.IByteBuffer message = DotNetty.Buffers.PooledByteBufferAllocator.Default.Buffer(10).WriteZero(10);

        Task write = await OnLoop(channel, () =>
        {
            Task pending = channel.WriteAsync(message);
            message.Release();
            channel.Flush();
            return pending;
        });

        Assert.That(await Failure(write), Is.InstanceOf<ClosedChannelException>());
        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(await handler.Exception.WaitAsync(Cancel), Is.InstanceOf<DotNetty.Common.Utilities.IllegalReferenceCountException>());
    }

    /// <summary>Returns a channel that has sent its FIN and has 10 bytes and the peer's FIN unread.</summary>
    private async Task<(IChannel Channel, RecordingHandler Handler)> EndedOutputAndUnreadEnd()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            b => b.ChildOption(ChannelOption.AutoRead, false).ChildOption(ChannelOption.AllowHalfClosure, true));
        await ((EpollSocketChannel)channel).ShutdownOutputAsync().WaitAsync(Cancel);
        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        peer.Shutdown(SocketShutdown.Send);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == 10);
        return (channel, handler);
    }

    private async Task IsReportedAsOurFault(RecordingHandler handler)
    {
        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Exception.IsCompleted, Is.True, "before the channel became inactive");
        Assert.That(await handler.Exception, Is.InstanceOf<ChannelException>());
    }

    /// <summary>Removes the channel from epoll, so that its next epoll_ctl fails (ENOENT), as it would without memory.</summary>
    private static int TakeOutOfEpoll(IChannel channel)
    {
        FieldInfo field = typeof(EpollSocketChannel).GetField("_socket", BindingFlags.NonPublic | BindingFlags.Instance)!;
        var socket = (SafeHandle)field.GetValue(channel)!;
        ((EpollEventLoop)channel.EventLoop).Poller.Remove((int)socket.DangerousGetHandle());
        return 0;
    }
}
