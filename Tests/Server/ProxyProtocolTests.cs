using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 24: PROXY headers on the wire; an untrusted sender and a bad header each have their own close reason.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class ProxyProtocolTests(TransportChoice transport)
{
    private static IEnumerable<TestCaseData> Headers()
    {
        yield return new TestCaseData(ProxyHeaders.Version1).SetArgDisplayNames("version 1");
        yield return new TestCaseData(ProxyHeaders.Version2).SetArgDisplayNames("version 2");
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        yield return new TestCaseData(Article).SetArgDisplayNames("none");
        yield return new TestCaseData(ProxyHeaders.Line("TCP4 192.0.2.07 198.51.100.1 1 2")).SetArgDisplayNames("malformed");
        yield return new TestCaseData(ProxyHeaders.Line($"UNKNOWN {new string('x', 100)}")).SetArgDisplayNames("too long, version 1");
        yield return new TestCaseData(ProxyHeaders.Binary(0x21, 0x11, new byte[521])).SetArgDisplayNames("too long, version 2");
        yield return new TestCaseData(ProxyHeaders.Binary(0x31, 0x11, new byte[12])).SetArgDisplayNames("wrong version");
    }

    [TestCaseSource(nameof(Headers))]
    public async Task Header_and_packets_in_one_write_are_separated(byte[] header)
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Glue(header, Article, Article));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(2));
        peer.Finish();
        await peer.ClosedByServerAsync();

        AssertServed(server, 2);
    }

    [TestCaseSource(nameof(Headers))]
    public async Task Header_and_packets_byte_by_byte_are_separated(byte[] header)
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();

        foreach (byte part in Glue(header, Article))
        {
            await peer.SendAsync(new[] { part });
        }

        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        peer.Finish();
        await peer.ClosedByServerAsync();

        AssertServed(server, 1);
    }

    [TestCaseSource(nameof(Wrong))]
    public async Task Wrong_header_closes_immediately_and_is_counted_once(byte[] stream)
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Glue(stream, Article));
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.ProxyHeaderInvalid);
        AssertNothingTaken(server);
    }

    [Test]
    public async Task Untrusted_sender_is_closed_even_with_a_valid_header()
    {
        await using RunningServer server = await StartAsync("10.0.0.0/8");
        using Peer silent = await server.ConnectAsync();

        await silent.ClosedByServerAsync();
        server.AssertClosed(CloseReason.ProxyUntrusted);
        using Peer peer = await server.ConnectAsync();
        try
        {
            await peer.SendAsync(Glue(ProxyHeaders.Version1, Article));
        }
        catch (SocketException)
        {
            // Closed before it could send; asserted below.
        }

        await peer.ClosedByServerAsync();
        server.AssertClosed(CloseReason.ProxyUntrusted, 2);
        AssertNothingTaken(server);
    }

    [Test]
    public async Task Dual_stack_listener_trusts_an_IPv4_network()
    {
        await using RunningServer server = await StartAsync("127.0.0.0/8", address: null);
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Glue(ProxyHeaders.Version2, Article));

        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
    }

    [Test]
    public async Task Peer_that_closes_before_its_header_is_complete_is_no_fault()
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(ProxyHeaders.Version1.AsMemory(..10));
        peer.Finish();
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.PeerClosed);
        AssertNothingTaken(server);
    }

    [Test]
    public async Task Stop_does_not_wait_for_headers()
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));

        await server.StopAsync();

        server.AssertClosed(CloseReason.ServerStopping);
    }

    [Test]
    public async Task Limit_per_address_counts_the_balancers_peers()
    {
        await using RunningServer server = await StartAsync(options => options with { MaxConnectionsPerIp = 1 });
        using Peer first = await server.ConnectAsync();
        await first.SendAsync(Glue(ProxyHeaders.Version1, Article));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));

        using Peer sameClient = await server.ConnectAsync();
        await sameClient.SendAsync(Glue(ProxyHeaders.Version1, Article));
        await sameClient.ClosedByServerAsync();
        server.AssertClosed(CloseReason.TooManyFromAddress);
        using Peer otherClient = await server.ConnectAsync();
        await otherClient.SendAsync(Glue(ProxyHeaders.Line("TCP4 192.0.2.99 198.51.100.1 1 2"), Article));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(2));

        first.Dispose();
        server.AssertClosed(CloseReason.PeerClosed);
        using Peer again = await server.ConnectAsync();
        await again.SendAsync(Glue(ProxyHeaders.Version1, Article));
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(3), "the first connection's slot is free again");
    }

    [Test]
    public async Task Header_that_is_late_is_closed_by_the_sweep()
    {
        var time = new FakeTimeProvider();
        await using RunningServer server = await StartAsync(options => options, time);
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(ProxyHeaders.Version1.AsMemory(0, 10));
        Eventually.That(() => server.Counters.Open, Is.EqualTo(1));

        await PassAsync(sweeps: 14); // 2.8 s
        Assert.That(server.Counters.Open, Is.EqualTo(1));
        await PassAsync(sweeps: 3); // 3.4 s

        await peer.ClosedByServerAsync();
        server.AssertClosed(CloseReason.ProxyHeaderTimeout);

        async Task PassAsync(int sweeps)
        {
            for (int i = 0; i < sweeps; i++)
            {
                time.Advance(TimeSpan.FromSeconds(0.2));
                await server.LoopsAsync();
            }
        }
    }

    [Test]
    public async Task Tls_after_the_header_is_decrypted()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.IssueFiles("server");
        await using RunningServer server = await StartAsync(options => options with { TlsCertificateFile = certificate, TlsKeyFile = key });
        using Peer peer = await server.ConnectAsync();
        await peer.SendAsync(ProxyHeaders.Version2);
        await using var tls = new SslStream(
            new NetworkStream(peer.Socket), leaveInnerStreamOpen: false, (_, shown, _, _) => shown is not null);
        using var timeout = new CancellationTokenSource(Peer.Patience);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost" }, timeout.Token);
        await tls.WriteAsync(Article, timeout.Token);

        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(1));
        Assert.That(server.Counters.BytesReceived, Is.EqualTo(32), "neither the header nor encryption counts");
        Assert.That(server.Log.Errors, Is.Empty);
    }

    private static void AssertServed(RunningServer server, int packets)
    {
        server.AssertClosed(CloseReason.PeerClosed);
        Assert.Multiple(() =>
        {
            Assert.That(server.Counters.BytesReceived, Is.EqualTo(packets * Article.Length), "the header is no byte received");
            Eventually.That(
                () => server.Log.Lines.Select(line => line.Message),
                Has.Some.EqualTo($"connection 1 from {ProxyHeaders.Client} closed: PeerClosed"));
            Assert.That(server.Log.Errors, Is.Empty);
        });
    }

    private static void AssertNothingTaken(RunningServer server) => Assert.Multiple(() =>
    {
        Assert.That(server.Counters.BytesReceived, Is.Zero);
        Assert.That(server.Counters.Open, Is.Zero);
        Assert.That(server.Log.Errors, Is.Empty);
    });

    private Task<RunningServer> StartAsync(string trusted = "127.0.0.0/8") => StartAsync(trusted, IPAddress.Loopback);

    private Task<RunningServer> StartAsync(string trusted, IPAddress? address) =>
        StartAsync(options => options with { Address = address, ProxyTrusted = AddressText.Networks.Parse(trusted).Value });

    private Task<RunningServer> StartAsync(
        Func<ServerOptions, ServerOptions> configure, TimeProvider? time = null) => RunningServer.StartAsync(
        transport,
        configure: options => configure(options with
        {
            Address = IPAddress.Loopback,
            ProxyProtocol = ProxyProtocol.Required,
            ProxyTrusted = AddressText.Networks.Parse("127.0.0.0/8").Value,
        }),
        time: time);
}
