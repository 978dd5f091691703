using System.Net.Sockets;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport;

/// <summary><see cref="EpollSocketChannel.TrySend"/>: the bytes it takes, and how its errors are reported afterwards.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public class DirectSendTests : TransportContract<EpollTransport>
{
    private static readonly Action<ServerBootstrap> Paused = b => b.ChildOption(ChannelOption.AutoRead, false);

    [Test]
    public async Task Direct_send_is_one_system_call_without_allocation()
    {
        (IChannel channel, _, Socket peer) = await Accepted();
        byte[] bytes = Pattern(32);
        (long Sent, long Allocated) Send(int count)
        {
            long sent = 0;
            long start = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < count; i++)
            {
                sent += ((EpollSocketChannel)channel).TrySend(bytes);
            }

            return (sent, GC.GetAllocatedBytesForCurrentThread() - start);
        }

        await OnLoop(channel, () => Send(100));
        long calls = await Calls(channel);
        (long Sent, long Allocated) measured = await OnLoop(channel, () => Send(1000));

        Assert.That(measured, Is.EqualTo((32_000L, 0L)));
        Assert.That(await Calls(channel) - calls, Is.EqualTo(1000));
        Assert.That(await ReceiveExactly(peer, 1100 * 32), Is.EqualTo(Enumerable.Repeat(bytes, 1100).SelectMany(b => b)));
    }

    [Test]
    public async Task Full_kernel_takes_a_part_and_the_rest_follows_as_a_write()
    {
        (IChannel channel, _, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.SoSndbuf, 256 * 1024));
        byte[] bytes = Pattern(8_000_000);
        int first = await TrySend(channel, bytes);
        Assert.That(first, Is.InRange(1, bytes.Length - 1), "the peer has not read");
        while (await TrySend(channel, bytes.AsMemory(first)) is > 0 and int more)
        {
            first += more;
        }

        Task rest = channel.WriteAndFlushAsync(Buffer(bytes[first..]));

        Assert.That(await ReceiveExactly(peer, bytes.Length), Is.EqualTo(bytes));
        await rest.WaitAsync(Cancel);
        Assert.That(await TrySend(channel, bytes.AsMemory(0, 10)), Is.EqualTo(10), "and then directly again");
    }

    [Test]
    public async Task Nothing_overtakes_a_write_that_is_not_flushed()
    {
        (IChannel channel, _, Socket peer) = await Accepted();
        Task write = channel.WriteAsync(Buffer("first "u8.ToArray()));

        Assert.That(await TrySend(channel, "second"u8.ToArray()), Is.Zero);

        channel.Flush();
        await write.WaitAsync(Cancel);
        Assert.That(await TrySend(channel, "second"u8.ToArray()), Is.EqualTo(6));
        Assert.That(await ReceiveExactly(peer, 12), Is.EqualTo("first second"u8.ToArray()));
    }

    [Test]
    public async Task Waiting_write_makes_a_direct_send_take_nothing_without_a_system_call()
    {
        (IChannel channel, _, Socket peer) = await Accepted();
        Task write = channel.WriteAndFlushAsync(Buffer(new byte[8_000_000]));
        long calls = await Calls(channel);

        for (int i = 0; i < 10; i++)
        {
            Assert.That(await TrySend(channel, Pattern(10)), Is.Zero);
        }

        Assert.That(await Calls(channel), Is.EqualTo(calls));
        await ReceiveExactly(peer, 8_000_000);
        await write.WaitAsync(Cancel);
    }

    [Test]
    public async Task No_bytes_make_no_system_call()
    {
        (IChannel channel, _, _) = await Accepted();
        long calls = await Calls(channel);

        Assert.That(await TrySend(channel, ReadOnlyMemory<byte>.Empty), Is.Zero);
        Assert.That(await Calls(channel), Is.EqualTo(calls));
    }

    [Test]
    public async Task Nothing_is_taken_after_shutdown_of_the_output_or_close()
    {
        (IChannel channel, _, Socket peer) = await Accepted();
        var epoll = (EpollSocketChannel)channel;

        int shutDown = await OnLoop(channel, () =>
        {
            _ = epoll.ShutdownOutputAsync();
            return epoll.TrySend(Pattern(10));
        });
        int closed = await OnLoop(channel, () =>
        {
            _ = channel.CloseAsync();
            return epoll.TrySend(Pattern(10));
        });

        Assert.That((shutDown, closed), Is.EqualTo((0, 0)));
        Assert.That(await Calls(channel), Is.Zero, "nothing was tried");
        Assert.That(await ReceiveAll(peer), Is.Empty);
    }

    [Test]
    public async Task Nothing_is_taken_before_the_connect_or_on_another_thread()
    {
        using var unregistered = new Unregistered(new EpollSocketChannel());
        Assert.That(unregistered.Channel.TrySend(Pattern(10)), Is.Zero);

        (IChannel channel, _, Socket peer) = await Accepted();
        Assert.That(((EpollSocketChannel)channel).TrySend(Pattern(10)), Is.Zero);
        await channel.CloseAsync().WaitAsync(Cancel);
        Assert.That(await ReceiveAll(peer), Is.Empty);
    }

    [Test]
    public async Task Write_after_a_direct_send_met_a_reset_fails_with_the_reset()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(Paused);
        byte[] before = Pattern(5000);
        await peer.SendAsync(before, SocketFlags.None, Cancel);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == before.Length);
        Reset(peer);

        Assert.That(await TrySend(channel, Pattern(10)), Is.Zero);
        long calls = await Calls(channel);
        Assert.That(await TrySend(channel, Pattern(10)), Is.Zero);
        Assert.That(await Calls(channel), Is.EqualTo(calls), "it is known to be broken");
        Assert.That(channel.Active, Is.True, "it never closes");

        Exception failure = await Failure(channel.WriteAndFlushAsync(Buffer(Pattern(10))));
        Assert.That((failure.InnerException as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));

        channel.Configuration.AutoRead = true;
        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Received, Is.EqualTo(before), "what came before is read first");
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Read_after_a_direct_send_met_a_reset_reports_only_the_reset(bool allowHalfClosure)
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            b => b.ChildOption(ChannelOption.AutoRead, false).ChildOption(ChannelOption.AllowHalfClosure, allowHalfClosure));
        byte[] before = Pattern(5000);
        await peer.SendAsync(before, SocketFlags.None, Cancel);
        await Eventually(() => ((EpollSocketChannel)channel).AvailableBytes == before.Length);
        Reset(peer);
        Assert.That(await TrySend(channel, Pattern(10)), Is.Zero);

        channel.Configuration.AutoRead = true;

        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Received, Is.EqualTo(before));
        var error = await handler.Exception.WaitAsync(Cancel) as SocketException;
        Assert.That(error?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
        Assert.That(handler.UserEvent.IsCompleted, Is.False);
    }

    [Test]
    public async Task Direct_send_that_meets_a_reset_behind_a_FIN_keeps_the_FIN()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            b => b.ChildOption(ChannelOption.AutoRead, false).ChildOption(ChannelOption.AllowHalfClosure, true));
        peer.Shutdown(SocketShutdown.Send);
        Reset(peer);
        Assert.That(await TrySend(channel, Pattern(10)), Is.Zero);

        channel.Configuration.AutoRead = true;
        await handler.UserEvent.WaitAsync(Cancel);
        Exception failure = await Failure(channel.WriteAndFlushAsync(Buffer(Pattern(10))));

        var cause = failure.InnerException as SocketException;
        Assert.That(cause?.SocketErrorCode, Is.EqualTo(SocketError.Shutdown), "EPIPE, as without a direct send");
        await handler.Inactive.WaitAsync(Cancel);
        Assert.That(handler.Exception.IsCompleted, Is.False);
    }

    [Test]
    public async Task Direct_sends_and_writes_keep_their_order_under_a_slow_reader()
    {
        (IChannel channel, _, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.SoSndbuf, 64 * 1024));
        byte[] all = Pattern(2_000_000);
        Task sending = Task.Run(async () =>
        {
            for (int done = 0; done < all.Length;)
            {
                ReadOnlyMemory<byte> piece = all.AsMemory(done, Math.Min(7777, all.Length - done));
                int sent = await TrySend(channel, piece);
                if (sent < piece.Length)
                {
                    await channel.WriteAndFlushAsync(Buffer(piece[sent..].ToArray())).WaitAsync(Cancel);
                }

                done += piece.Length;
            }
        }, Cancel);

        Assert.That(await ReceiveExactly(peer, all.Length), Is.EqualTo(all));
        await sending;
    }

    private Task<int> TrySend(IChannel channel, ReadOnlyMemory<byte> bytes) =>
        OnLoop(channel, () => ((EpollSocketChannel)channel).TrySend(bytes.Span));

    /// <summary>Returns the number of send calls of the channel's loop.</summary>
    private Task<long> Calls(IChannel channel) => OnLoop(channel, () => ((EpollEventLoop)channel.EventLoop).Writer.Calls);

    /// <summary>A channel without a loop, whose descriptor is closed on dispose.</summary>
    private sealed class Unregistered(EpollSocketChannel channel) : IDisposable
    {
        public EpollSocketChannel Channel { get; } = channel;

        public void Dispose() => Channel.Unsafe.CloseForcibly();
    }
}
