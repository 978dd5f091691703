using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Server.Startup;
using DotNettyFraming.Tests.Harness;
using Microsoft.Extensions.Time.Testing;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 23: TLS connections, and input that is not TLS.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class TlsTests(TransportChoice transport) : TlsServerTests(transport)
{
    /// <summary>A ClientHello of TLS 1.1 that offers no later version; its only cipher suite is RSA with AES.</summary>
    private static readonly byte[] Hello11 = Glue(
        [22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2], new byte[32], [0, 0, 2, 0, 0x2F, 1, 0]);

    [Test]
    public async Task Packets_arrive_exactly(
        [Values(SslProtocols.Tls12, SslProtocols.Tls13)] SslProtocols protocol, [Values(1, 20_000, 500_000)] int bytesPerWrite)
    {
        var processor = new RecordingProcessor();
        await using RunningServer server = await StartAsync(processor);
        using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint, protocol);
        byte[][] packets =
        [
            Article, OfLength(0), OfLength(65_535), OfLength(1), .. Enumerable.Repeat(Article, bytesPerWrite == 1 ? 1 : 20_000),
        ];
        byte[] stream = Glue(bytesPerWrite == 1 ? [.. packets.Where(packet => packet.Length < 100)] : packets);

        foreach (byte[] write in stream.Chunk(bytesPerWrite))
        {
            await peer.SendAsync(write);
        }

        await peer.EndAsync();
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.PeerClosed);
        Assert.That(Glue([.. processor.All]), Is.EqualTo(stream));
        Assert.That(server.Counters.BytesReceived, Is.EqualTo(stream.Length), "counted after TLS");
        Assert.That(peer.Stream.SslProtocol, Is.EqualTo(protocol));
        AssertQuietLog(server);
    }

    [Test]
    public async Task Replies_and_acknowledgements_are_encrypted_and_end_with_close_notify(
        [Values(SslProtocols.Tls12, SslProtocols.Tls13)] SslProtocols protocol)
    {
        await using RunningServer server = await StartAsync(
            new EchoProcessor(), configure: options => options with { Ack = AckLevel.Processed });
        using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint, protocol);
        byte[] requests = Repeat(OfLength(1000), 300);

        await peer.SendAsync(Glue(requests, "X"u8.ToArray()));
        byte[] sent = await peer.ReceiveToEndAsync();

        server.AssertClosed(CloseReason.InvalidPrefix);
        Assert.That(sent, Has.Length.GreaterThan(requests.Length));
        Assert.That(Acknowledgements(sent[^15..]), Is.EqualTo(new[] { 300 }));
        AssertQuietLog(server);
    }

    [Test]
    public async Task Fin_without_close_notify_ends_the_input_and_discards_the_fragment()
    {
        await using RunningServer server = await StartAsync();
        using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint);

        await peer.SendAsync(Glue(Article, Article[..20]));
        peer.Socket.Shutdown(SocketShutdown.Send);
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.PeerClosed);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(1));
        Assert.That(server.Counters.Named().ToDictionary()["bytes.discarded"], Is.EqualTo(20));
    }

    [Test]
    public async Task Bad_prefix_in_a_record_closes_after_the_good_packets()
    {
        await using RunningServer server = await StartAsync();
        using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint);

        await peer.SendAsync(Glue(Article, Article, [(byte)'X'], Article));
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.InvalidPrefix);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(2));
        AssertQuietLog(server);
    }

    [Test]
    public async Task Handshake_data_and_close_in_one_burst_lose_nothing(
        [Values(SslProtocols.Tls12, SslProtocols.Tls13)] SslProtocols protocol, [Values] bool withCertificate)
    {
        await using RunningServer server = await StartAsync(asksForCertificate: withCertificate);
        using X509Certificate2? device = withCertificate ? Certificates.Issue("device") : null;

        await Parallel.ForEachAsync(Enumerable.Range(0, 200), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint, protocol, device, glued: i % 2 == 0);
            await peer.SendAsync(Article);
            await peer.EndAsync();
            peer.Socket.Shutdown(SocketShutdown.Send);
            await peer.ClosedByServerAsync();
        });

        server.AssertClosed(CloseReason.PeerClosed, 200);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(200));
    }

    [Test]
    public async Task Peer_that_never_reads_and_closes_loses_nothing([Values(SslProtocols.Tls12, SslProtocols.Tls13)] SslProtocols protocol)
    {
        await using RunningServer server = await StartAsync();
        byte[] packets = Repeat(Article, 50_000);
        for (int i = 0; i < 5; i++)
        {
            using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint, protocol);
            await peer.SendAsync(packets);
            peer.Socket.Close(); // this would send a reset if the server had sent anything since the handshake
        }

        server.AssertClosed(CloseReason.PeerClosed, 5);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(250_000));
    }

    [TestCase("GET /secret HTTP/1.1\r\n\r\n")]
    [TestCase("&")]
    [TestCase("\u0016\u0003\u0001\u007Fsecret")]
    public async Task Input_that_is_not_TLS_is_closed_immediately_and_never_logged(string text)
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();
        Eventually.That(() => server.Counters.Accepted, Is.EqualTo(1));

        long start = Stopwatch.GetTimestamp();
        await peer.SendAsync(Encoding.Latin1.GetBytes(text));
        await peer.ClosedByServerAsync();
        TimeSpan taken = Stopwatch.GetElapsedTime(start);

        server.AssertClosed(CloseReason.TlsFailed);
        Assert.That(taken.TotalMilliseconds, Is.LessThan(100));
        Assert.That(server.Counters.BytesReceived, Is.Zero);
        Assert.That(
            server.Log.Lines.Select(line => line.Message),
            Has.None.Contains("secret")
                .And.None.Contains(Convert.ToHexString("secret"u8))
                .And.None.Contains(Convert.ToHexStringLower("secret"u8)));
        AssertQuietLog(server);
    }

    [Test]
    public async Task Fin_inside_a_handshake_record_is_a_failed_handshake()
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();

        await peer.SendAsync(Hello11.AsMemory(0, 30));
        peer.Finish();
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.TlsFailed);
        AssertQuietLog(server);
    }

    [Test]
    public async Task Tampered_record_fails_after_the_good_packets()
    {
        await using RunningServer server = await StartAsync();
        using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint);
        await peer.SendAsync(Article);

        await peer.Socket.SendAsync(Glue([23, 3, 3, 0, 40], new byte[40]));
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.TlsFailed);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(1));
        AssertQuietLog(server);
    }

    [Test]
    public async Task Peer_that_closes_without_a_byte_is_no_failure()
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();

        peer.Finish();
        await peer.ClosedByServerAsync();

        server.AssertClosed(CloseReason.PeerClosed);
    }

    [TestCase(1)]
    [TestCase(2)]
    public async Task Tls_1_0_and_1_1_are_refused_with_an_alert(byte minor)
    {
        await using RunningServer server = await StartAsync();
        using Peer peer = await server.ConnectAsync();

        byte[] hello = [.. Hello11];
        hello[10] = minor;
        await peer.SendAsync(hello);
        byte[] answer = new byte[7];
        using var timeout = new CancellationTokenSource(Peer.Patience);
        int length = await peer.Socket.ReceiveAsync(answer, timeout.Token);

        server.AssertClosed(CloseReason.TlsFailed);
        Assert.That(length, Is.EqualTo(7));
        Assert.That(answer[0], Is.EqualTo(21), "an alert");
        Assert.That(answer[5..], Is.EqualTo(new byte[] { 2, 70 }), "fatal, protocol_version");
        AssertQuietLog(server);
    }

    [Test]
    public async Task New_certificate_serves_new_connections_and_old_ones_continue()
    {
        var time = new FakeTimeProvider();
        (string certificate, string key) = Certificates.IssueFiles("server");
        await using RunningServer server = await RunningServer.StartAsync(
            Transport, configure: options => options with { TlsCertificateFile = certificate, TlsKeyFile = key }, time: time);
        using TlsPeer old = await TlsPeer.ConnectAsync(server.Endpoint);

        (string newCertificate, string newKey) = Certificates.IssueFiles("renewed");
        File.Move(newCertificate, certificate, overwrite: true);
        File.Move(newKey, key, overwrite: true);
        time.Advance(2 * ServerTls.Period);

        using TlsPeer renewed = await TlsPeer.ConnectAsync(server.Endpoint);
        await old.SendAsync(Article);
        await renewed.SendAsync(Article);
        Eventually.That(() => server.Counters.PacketsProcessed, Is.EqualTo(2));
        Assert.That(old.ServerName, Is.EqualTo("CN=server"));
        Assert.That(renewed.ServerName, Is.EqualTo("CN=renewed"));
    }

    [Test]
    public async Task Stop_drains_encrypted_packets()
    {
        await using RunningServer server = await StartAsync();
        using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint);
        using Peer stalled = await server.ConnectAsync();
        await peer.SendAsync(Repeat(Article, 10_000));
        Eventually.That(() => server.Counters.Accepted, Is.EqualTo(2));

        await server.StopAsync();

        server.AssertClosed(CloseReason.ServerStopping, 2);
        AssertQuietLog(server);
    }
}
