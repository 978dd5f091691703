using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>PROXY headers from a real HAProxy.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class BehindHaproxyTests(TransportChoice transport)
{
    [TestCase("send-proxy", "127.0.0.1")]
    [TestCase("send-proxy", "::1")]
    [TestCase("send-proxy-v2", "127.0.0.1")]
    [TestCase("send-proxy-v2", "::1")]
    [TestCase("send-proxy-v2 proxy-v2-options crc32c,unique-id", "127.0.0.1")]
    public async Task Packets_through_haproxy_have_the_real_peers_address(string serverOptions, string address)
    {
        await using RunningServer server = await RunningServer.StartAsync(transport, configure: options => options with
        {
            ProxyProtocol = ProxyProtocol.Required,
            ProxyTrusted = [IPNetwork.Parse("127.0.0.0/8")],
        });
        using Haproxy haproxy = Haproxy.Start(server.Endpoint, serverOptions);
        using Socket peer = await haproxy.ConnectAsync(IPAddress.Parse(address));

        await peer.SendAsync(Repeat(Article, 3));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(3));
        peer.Shutdown(SocketShutdown.Send);

        server.AssertClosed(CloseReason.PeerClosed);
        Assert.Multiple(() =>
        {
            Assert.That(server.Counters.BytesReceived, Is.EqualTo(3 * Article.Length));
            Eventually.That(
                () => server.Log.Lines.Select(line => line.Message),
                Has.Some.EqualTo($"connection 1 from {peer.LocalEndPoint} closed: PeerClosed"));
            Assert.That(server.Log.Errors, Is.Empty);
        });
    }
}
