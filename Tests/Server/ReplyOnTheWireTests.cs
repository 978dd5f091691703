using System.Buffers.Binary;
using System.Net.Sockets;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 19, and replies over real sockets.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class ReplyOnTheWireTests(TransportChoice transport)
{
    [Test]
    public async Task Replies_from_another_thread_arrive_in_the_order_of_the_calls()
    {
        const int Count = 100_000;
        var processor = new PushingProcessor(Count);
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Article);
        byte[] sent = await peer.ReceiveAsync(Count * 11);

        Assert.That(
            Enumerable.Range(0, Count).Where(i => BinaryPrimitives.ReadInt32LittleEndian(sent.AsSpan((i * 11) + 7)) != i), Is.Empty);
        Eventually.That(() => server.Counters[Counter.PacketsSent], Is.EqualTo(Count));
        Assert.That(server.Counters[Counter.BytesSent], Is.EqualTo(Count * 11));
    }

    [Test]
    public async Task Peer_that_never_reads_pauses_and_is_closed_while_others_are_answered()
    {
        var processor = new EchoProcessor();
        await using RunningServer server = await RunningServer.StartAsync(
            transport, processor, options => options with { EventLoops = 1, WriteTimeout = TimeSpan.FromSeconds(4) });
        using Peer deaf = await Peer.ConnectAsync(server.Endpoint, receiveBuffer: 4096);
        using Peer other = await server.ConnectAsync();
        Task sending = SendForeverAsync(deaf);
        Eventually.That(() => server.Counters[Counter.PausedByReplies], Is.EqualTo(1));

        byte[] packet = OfLength(1000);
        await other.SendAsync(packet);
        Assert.That(await other.ReceiveAsync(packet.Length), Has.Length.EqualTo(1007));

        Eventually.That(() => server.Counters.Closed(CloseReason.WriteTimeout), Is.EqualTo(1));
        await sending;
        Assert.That(processor.Refused, Is.Zero);
        Assert.That(server.Counters.Paused, Is.Zero);
        Assert.That(server.Counters.Open, Is.EqualTo(1));
    }

    [Test]
    public async Task Bad_prefix_behind_requests_still_gets_their_replies_and_a_FIN()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport, new EchoProcessor());
        using Peer peer = await server.ConnectAsync();
        byte[] requests = Repeat(OfLength(100), 200);

        await peer.SendAsync(Glue(requests, "X"u8.ToArray()));
        byte[] sent = await peer.ReceiveToEndAsync();

        Assert.That(sent, Has.Length.EqualTo(requests.Length));
        peer.Finish();
        server.AssertClosed(CloseReason.InvalidPrefix);
    }

    [Test]
    public async Task Replies_survive_input_that_follows_a_bad_prefix()
    {
        Needs.HalfClose(transport);
        await using RunningServer server = await RunningServer.StartAsync(transport, new EchoProcessor());
        using Peer peer = await server.ConnectAsync();
        byte[] requests = Repeat(OfLength(1000), 100);

        await peer.SendAsync(Glue(requests, "X"u8.ToArray()));
        await peer.SendAsync(new byte[200_000]); // closing with unread bytes would send a reset
        byte[] sent = await peer.ReceiveToEndAsync();

        Assert.That(sent, Has.Length.EqualTo(requests.Length));
        peer.Finish();
        server.AssertClosed(CloseReason.InvalidPrefix);
    }

    [Test]
    public async Task Half_closed_connection_ends_within_a_second_if_the_peer_keeps_sending()
    {
        Needs.HalfClose(transport);
        await using RunningServer server = await RunningServer.StartAsync(transport, new EchoProcessor());
        using Peer peer = await server.ConnectAsync();
        long start = Environment.TickCount64;
        await peer.SendAsync(Glue(Article, "X"u8.ToArray()));
        await peer.ReceiveToEndAsync();

        await SendForeverAsync(peer);

        server.AssertClosed(CloseReason.InvalidPrefix);
        Assert.That(Environment.TickCount64 - start, Is.InRange(500, 2500), "ms; 1,000 and the machine's delays");
    }

    [Test]
    public async Task Replies_of_a_slow_processor_reach_a_peer_that_sent_its_FIN()
    {
        Needs.HalfClose(transport);
        var processor = new SlowEcho();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Repeat(Article, 10));
        peer.Finish();
        Eventually.That(() => processor.Batches, Is.Positive);

        processor.Open();

        Assert.That(await peer.ReceiveToEndAsync(), Has.Length.EqualTo(320));
        server.AssertClosed(CloseReason.PeerClosed);
    }

    [Test]
    public async Task Replies_queued_at_the_stop_are_sent()
    {
        await using RunningServer server = await RunningServer.StartAsync(transport, new EchoProcessor());
        using Peer peer = await server.ConnectAsync();
        // Without a half-close, input that arrives after the close resets the connection: there all of it fits the receive window.
        await peer.SendAsync(Repeat(OfLength(1000), transport == TransportChoice.Epoll ? 500 : 50));
        Eventually.That(() => server.Counters.BytesReceived, Is.Positive);

        Task stop = server.StopAsync();
        byte[] sent = await peer.ReceiveToEndAsync();
        peer.Dispose();
        await stop;

        Assert.That(sent, Has.Length.EqualTo(server.Counters.PacketsProcessed * 1007));
    }

    [Test]
    public async Task Reply_after_the_close_is_refused()
    {
        var processor = new EchoProcessor();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Article);
        await peer.ReceiveAsync(32);
        peer.Finish();
        server.AssertClosed(CloseReason.PeerClosed);

        Assert.That(processor.Source!.Reply("late"u8), Is.False);
    }

    [Test]
    public async Task Connection_above_its_age_gets_its_replies_and_a_FIN()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport, new EchoProcessor(), options => options with { MaxConnectionAge = TimeSpan.FromSeconds(1) });
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(Article);

        Assert.That(await peer.ReceiveToEndAsync(), Has.Length.EqualTo(32));

        peer.Finish();
        server.AssertClosed(CloseReason.MaxAge);
    }

    /// <summary>Sends packets until the server closes the connection.</summary>
    private static async Task SendForeverAsync(Peer peer)
    {
        byte[] packets = Repeat(OfLength(1000), 100);
        try
        {
            while (true)
            {
                await peer.SendAsync(packets);
            }
        }
        catch (SocketException)
        {
        }
    }

    /// <summary>A processor that replies with numbered packets from another thread.</summary>
    private sealed class PushingProcessor(int count) : IPacketProcessor
    {
        public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken) => new(Task.Run(
            () =>
            {
                for (int i = 0; i < count; i++)
                {
                    Assert.That(source.Reply(new OutgoingPacket(1, BitConverter.GetBytes(i))), Is.True);
                }
            },
            cancellationToken));
    }

    /// <summary>A processor that echoes packets after the test opens its gate.</summary>
    private sealed class SlowEcho : IPacketProcessor
    {
        private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Batches;

        public void Open() => _gate.SetResult();

        public async ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
        {
            byte[][] packets = [.. Copy(batch)];
            Interlocked.Increment(ref Batches);
            await _gate.Task.ConfigureAwait(false);
            Array.ForEach(packets, packet => source.Reply(packet));
        }

        private static List<byte[]> Copy(PacketBatch batch)
        {
            var packets = new List<byte[]>();
            foreach (Packet packet in batch)
            {
                packets.Add(packet.Bytes.ToArray());
            }

            return packets;
        }
    }
}
