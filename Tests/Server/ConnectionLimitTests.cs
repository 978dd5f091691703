using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 16: connections above a limit are closed immediately and counted; the others are served.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class ConnectionLimitTests(TransportChoice transport)
{
    [Test]
    public async Task Connections_above_the_maximum_are_refused_until_one_closes()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { MaxConnections = 3 });
        Peer[] peers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => server.ConnectAsync()));
        Eventually.That(() => server.Counters.Open, Is.EqualTo(3));

        for (int i = 0; i < 5; i++)
        {
            using Peer refused = await server.ConnectAsync();
            await refused.ClosedByServerAsync();
        }

        server.AssertClosed(CloseReason.TooManyConnections, count: 5);
        await Task.WhenAll(peers.Select(peer => peer.SendAsync(Article)));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(3), "the others are served");

        peers[0].Dispose();
        server.AssertClosed(CloseReason.PeerClosed);
        using Peer next = await server.ConnectAsync();
        await next.SendAsync(Article);
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(4));
        Array.ForEach(peers, peer => peer.Dispose());
    }

    [Test]
    public async Task Connections_above_the_limit_per_address_are_refused_others_served()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            transport, configure: options => options with { MaxConnectionsPerIp = 2 });
        List<Socket> greedy = [];
        for (int i = 0; i < 5; i++)
        {
            greedy.Add(await ConnectFromAsync("127.0.0.2", server.Endpoint));
        }

        server.AssertClosed(CloseReason.TooManyFromAddress, count: 3);
        using Socket other = await ConnectFromAsync("127.0.0.3", server.Endpoint);
        await other.SendAsync(Article);
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        Assert.That(server.Counters.Open, Is.EqualTo(3));
        greedy.ForEach(socket => socket.Dispose());
    }

    private static async Task<Socket> ConnectFromAsync(string address, IPEndPoint server)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        using var timeout = new CancellationTokenSource(Peer.Patience);
        await socket.ConnectAsync(server, timeout.Token);
        return socket;
    }
}
