using System.Net.Sockets;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Sockets;
using DotNettyFraming.Transport;

namespace DotNettyFraming.Tests.Transport;

[TestFixture(typeof(EpollTransport))]
[TestFixture(typeof(EpollTransportWithPrivateBuffers), Category = "Slow")]
[TestFixture(typeof(SocketTransport))]
[TestFixture(typeof(UnixEpollTransport), Category = "Slow")]
public class HalfClosureContract<T> : TransportContract<T>
    where T : ITransport, new()
{
    [SetUp]
    public void Capable() => Needs(Capability.HalfClosure);

    [Test]
    public async Task Peers_FIN_is_an_event_and_answers_still_arrive()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => AllowHalfClosure(b));

        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        peer.Shutdown(SocketShutdown.Send);
        Assert.That(await handler.UserEvent.WaitAsync(Cancel), Is.SameAs(ChannelInputShutdownEvent.Instance));
        Assert.That(handler.Received, Has.Length.EqualTo(10));
        Assert.That(channel.Active && ((EpollSocketChannel)channel).IsInputShutdown, Is.True);

        await channel.WriteAndFlushAsync(Buffer(Pattern(100_000))).WaitAsync(Cancel);
        Task<byte[]> answer = ReceiveAll(peer);
        await channel.CloseAsync().WaitAsync(Cancel);
        Assert.That(await answer, Is.EqualTo(Pattern(100_000)));
    }

    [Test]
    public async Task Own_FIN_comes_behind_the_flushed_writes_and_reading_goes_on()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(
            b => AllowHalfClosure(b).ChildOption(ChannelOption.SoSndbuf, 256 * 1024));
        byte[] sent = Pattern(5_000_000);

        Task write = channel.WriteAndFlushAsync(Buffer(sent));
        Task shutdown = ((EpollSocketChannel)channel).ShutdownOutputAsync();
        Task second = ((EpollSocketChannel)channel).ShutdownOutputAsync();
        Assert.That(await ReceiveAll(peer), Is.EqualTo(sent));
        await Task.WhenAll(write, shutdown, second).WaitAsync(Cancel);

        await peer.SendAsync(Pattern(10), SocketFlags.None, Cancel);
        await handler.ReceivedAtLeast(10, Cancel);
        Assert.That(await Failure(channel.WriteAndFlushAsync(Buffer(Pattern(1)))), Is.InstanceOf<ClosedChannelException>());
        Assert.That(channel.Active, Is.True);
    }

    [Test]
    public async Task Both_directions_shut_then_close_is_orderly()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => AllowHalfClosure(b));

        await ((EpollSocketChannel)channel).ShutdownOutputAsync().WaitAsync(Cancel);
        Assert.That(await ReceiveAll(peer), Is.Empty);
        peer.Shutdown(SocketShutdown.Send);
        await handler.UserEvent.WaitAsync(Cancel);
        Assert.That(handler.Exception.IsCompleted, Is.False);
        await channel.CloseAsync().WaitAsync(Cancel);
        await handler.Inactive.WaitAsync(Cancel);
    }

    [Test]
    public async Task Shutdown_of_output_fails_when_the_channel_closes_first()
    {
        (IChannel channel, _, _) = await Accepted(b => AllowHalfClosure(b).ChildOption(ChannelOption.SoSndbuf, 256 * 1024));
        _ = channel.WriteAndFlushAsync(Buffer(Pattern(8_000_000)));
        Task shutdown = ((EpollSocketChannel)channel).ShutdownOutputAsync();

        await channel.CloseAsync().WaitAsync(Cancel);

        Assert.That(async () => await shutdown.WaitAsync(Cancel), Throws.InstanceOf<ClosedChannelException>());
    }

    [Test]
    public async Task Reset_after_the_peers_FIN_fails_the_writes_and_closes()
    {
        (IChannel channel, RecordingHandler handler, Socket peer) = await Accepted(b => AllowHalfClosure(b));
        peer.Shutdown(SocketShutdown.Send);
        await handler.UserEvent.WaitAsync(Cancel);
        Reset(peer);

        Exception? failure = null;
        for (int i = 0; i < 100 && failure is null; i++)
        {
            failure = await channel.WriteAndFlushAsync(Buffer(Pattern(1000))).WaitAsync(Cancel)
                .ContinueWith(t => t.Exception, TaskScheduler.Default);
        }

        Assert.That(failure, Is.Not.Null);
        await handler.Inactive.WaitAsync(Cancel);
    }

    private static ServerBootstrap AllowHalfClosure(ServerBootstrap bootstrap) =>
        bootstrap.ChildOption(ChannelOption.AllowHalfClosure, true);
}
