using System.Net;
using DotNettyFraming.Codec;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>The properties of a connection that a processor can read.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class PacketSourceTests(TransportChoice transport)
{
    [Test]
    public async Task Peer_of_a_dual_stack_listener_has_its_IPv4_address()
    {
        var processor = new SourceRecorder();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor, options => options with { Address = null });
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Article);

        Eventually.That(() => processor.Last, Is.Not.Null);
        Assert.That(processor.Last!.Peer, Is.EqualTo(new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)peer.Socket.LocalEndPoint!).Port)));
    }

    [Test]
    public async Task State_stays_with_its_connection()
    {
        var processor = new SourceRecorder();
        await using RunningServer server = await RunningServer.StartAsync(transport, processor);
        using Peer first = await server.ConnectAsync();
        using Peer second = await server.ConnectAsync();

        for (int i = 0; i < 3; i++)
        {
            await first.SendAsync(Article);
            await second.SendAsync(Article);
            int expected = 2 * (i + 1);
            Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(expected));
        }

        Assert.That(processor.Last!.State, Is.EqualTo(3), "batches of its own connection");
    }

    private sealed class SourceRecorder : IPacketProcessor
    {
        public PacketSource? Last { get; private set; }

        public ValueTask ProcessAsync(PacketBatch batch, PacketSource source, CancellationToken cancellationToken)
        {
            source.State = source.State is int batches ? batches + 1 : 1;
            Last = source;
            return ValueTask.CompletedTask;
        }
    }
}
