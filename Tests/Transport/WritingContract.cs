using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Transport.Channels;

namespace DotNettyFraming.Tests.Transport;

[TestFixture(typeof(EpollTransport))]
[TestFixture(typeof(EpollTransportWithPrivateBuffers), Category = "Slow")]
[TestFixture(typeof(SocketTransport))]
[TestFixture(typeof(UnixEpollTransport), Category = "Slow")]
[TestFixture(typeof(UnixSocketTransport), Category = "Slow")]
public class WritingContract<T> : TransportContract<T>
    where T : ITransport, new()
{
    [Test]
    public async Task Write_reaches_the_peer_only_when_flushed()
    {
        (IChannel channel, _, Socket peer) = await Accepted();

        Task write = channel.WriteAsync(Buffer(Pattern(100)));
        await OnLoop(channel, () => 0);
        Assert.That(peer.Available, Is.Zero);
        Assert.That(write.IsCompleted, Is.False);

        channel.Flush();
        Assert.That(await ReceiveExactly(peer, 100), Is.EqualTo(Pattern(100)));
        await write.WaitAsync(Cancel);
    }

    [Test]
    public async Task Large_write_is_sent_in_parts_as_the_peer_reads()
    {
        (IChannel channel, _, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.SoSndbuf, 256 * 1024));
        byte[] sent = Pattern(8_000_000);

        Task write = channel.WriteAndFlushAsync(Buffer(sent));
        await OnLoop(channel, () => 0);
        Assert.That(write.IsCompleted, Is.False, "the peer has not read");

        Assert.That(await ReceiveExactly(peer, sent.Length), Is.EqualTo(sent));
        await write.WaitAsync(Cancel);
    }

    [TestCase(false, TestName = "Many_small_writes_are_gathered_in_order")]
    [TestCase(true, TestName = "Many_small_pooled_writes_are_gathered_in_order")]
    public async Task Many_small_writes_are_gathered_in_order(bool pooled)
    {
        (IChannel channel, _, Socket peer) = await Accepted();
        byte[] sent = Pattern(1500 * 7);

        // More than IOV_MAX messages, with empty ones between; each with its own array, or all in the pool.
        var writes = new List<Task>();
        for (int i = 0; i < 1500; i++)
        {
            byte[] part = sent[(i * 7)..((i + 1) * 7)];
            writes.Add(channel.WriteAsync(pooled ? PooledByteBufferAllocator.Default.Buffer(7).WriteBytes(part) : Buffer(part)));
            if (i % 10 == 0)
            {
                writes.Add(channel.WriteAsync(Unpooled.Buffer(0)));
            }
        }

        channel.Flush();
        Assert.That(await ReceiveExactly(peer, sent.Length), Is.EqualTo(sent));
        await Task.WhenAll(writes).WaitAsync(Cancel);
    }

    [Test]
    public async Task Many_pooled_writes_larger_than_the_kernels_buffer_arrive_in_order()
    {
        (IChannel channel, _, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.SoSndbuf, 256 * 1024));
        byte[] sent = Pattern(300 * 10_000);
        var writes = new List<Task>();
        for (int i = 0; i < 300; i++)
        {
            writes.Add(channel.WriteAsync(PooledByteBufferAllocator.Default.Buffer(10_000).WriteBytes(sent, i * 10_000, 10_000)));
        }

        channel.Flush();
        Assert.That(await ReceiveExactly(peer, sent.Length), Is.EqualTo(sent));
        await Task.WhenAll(writes).WaitAsync(Cancel);
    }

    [Test]
    public async Task Composite_buffer_is_sent_whole()
    {
        (IChannel channel, _, Socket peer) = await Accepted();
        byte[] sent = Pattern(30);
        IByteBuffer composite = Unpooled.WrappedBuffer(Buffer(sent[..10]), Buffer(sent[10..20]), Buffer(sent[20..]));

        await channel.WriteAndFlushAsync(composite).WaitAsync(Cancel);

        Assert.That(await ReceiveExactly(peer, 30), Is.EqualTo(sent));
        Assert.That(composite.ReferenceCount, Is.Zero);
    }

    [Test]
    public async Task Empty_write_completes()
    {
        (IChannel channel, _, _) = await Accepted();
        await channel.WriteAndFlushAsync(Unpooled.Buffer(0)).WaitAsync(Cancel);
    }

    [Test]
    public async Task Watermarks_turn_writability_off_and_on()
    {
        var changes = new System.Collections.Concurrent.ConcurrentQueue<bool>();
        (IChannel channel, _, Socket peer) = await Accepted(
            b => b.ChildOption(ChannelOption.SoSndbuf, 256 * 1024)
                .ChildOption(ChannelOption.WriteBufferLowWaterMark, 1024).ChildOption(ChannelOption.WriteBufferHighWaterMark, 64 * 1024),
            h => h.OnWritabilityChanged = c => changes.Enqueue(c.Channel.IsWritable));
        Assert.That(channel.IsWritable, Is.True);

        Task write = channel.WriteAndFlushAsync(Buffer(Pattern(8_000_000)));
        await OnLoop(channel, () => 0);
        Assert.That(channel.IsWritable, Is.False);

        await ReceiveExactly(peer, 8_000_000);
        await write.WaitAsync(Cancel);
        Assert.That(channel.IsWritable, Is.True);

        // DotNetty reports it several times for a write from another thread; the first and the last count.
        Assert.That(changes.First(), Is.False);
        Assert.That(changes.Last(), Is.True);
    }

    [Test]
    public async Task Write_of_something_else_than_bytes_fails_and_releases_it()
    {
        (IChannel channel, _, _) = await Accepted();

        Assert.That(await Failure(channel.WriteAndFlushAsync("text")), Is.InstanceOf<NotSupportedException>());
        Assert.That(channel.Active, Is.True);
    }

    [Test]
    public async Task Write_to_a_closed_channel_fails_and_releases_the_message()
    {
        (IChannel channel, RecordingHandler handler, _) = await Accepted();
        await channel.CloseAsync().WaitAsync(Cancel);
        await handler.Inactive.WaitAsync(Cancel);
        IByteBuffer message = Buffer(Pattern(10));

        Assert.That(await Failure(channel.WriteAndFlushAsync(message)), Is.InstanceOf<ClosedChannelException>());
        Assert.That(message.ReferenceCount, Is.Zero);
    }

    [Test]
    public async Task Close_fails_pending_writes_and_releases_them()
    {
        (IChannel channel, _, _) = await Accepted(b => b.ChildOption(ChannelOption.SoSndbuf, 256 * 1024));
        IByteBuffer flushed = Buffer(Pattern(8_000_000));
        IByteBuffer unflushed = Buffer(Pattern(10));
        Task first = channel.WriteAndFlushAsync(flushed);
        Task second = channel.WriteAsync(unflushed);

        await channel.CloseAsync().WaitAsync(Cancel);

        Assert.That(async () => await first.WaitAsync(Cancel), Throws.InstanceOf<ClosedChannelException>());
        Assert.That(async () => await second.WaitAsync(Cancel), Throws.InstanceOf<ClosedChannelException>());
        Assert.That(flushed.ReferenceCount + unflushed.ReferenceCount, Is.Zero);
    }

    [Test]
    public async Task Write_after_the_peers_reset_fails_and_closes()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => b.ChildOption(ChannelOption.SoSndbuf, 256 * 1024));
        Task write = channel.WriteAndFlushAsync(Buffer(Pattern(8_000_000)));
        await OnLoop(channel, () => 0);

        Reset(peer);

        Assert.That(async () => await write.WaitAsync(Cancel), Throws.InstanceOf<ClosedChannelException>());
        await handler.Inactive.WaitAsync(Cancel);
    }

    [Test]
    public async Task Writes_from_many_threads_all_arrive()
    {
        (IChannel channel, _, Socket peer) = await Accepted();
        Task[] writers = [.. Enumerable.Range(0, 4).Select(n => Task.Run(async () =>
        {
            for (int i = 0; i < 500; i++)
            {
                await channel.WriteAndFlushAsync(Buffer([(byte)n])).WaitAsync(Cancel);
            }
        }))];

        byte[] received = await ReceiveExactly(peer, 2000);
        await Task.WhenAll(writers);
        Assert.That(received.GroupBy(b => b).Select(g => g.Count()), Is.All.EqualTo(500));
    }
}
