using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server.Metrics;
using DotNettyFraming.Tests.Harness;
using static DotNettyFraming.Tests.Harness.Packets;

namespace DotNettyFraming.Tests.Server;

/// <summary>FAULTS 23: client certificates: valid, missing, expired, from another authority.</summary>
[TestFixture(TransportChoice.Epoll)]
[TestFixture(TransportChoice.Sockets)]
[CancelAfter(60_000)]
public sealed class TlsClientCertificateTests(TransportChoice transport) : TlsServerTests(transport)
{
    [Test]
    public async Task Client_certificate_of_the_right_authority_is_accepted(
        [Values(SslProtocols.Tls12, SslProtocols.Tls13)] SslProtocols protocol)
    {
        var processor = new RecordingProcessor();
        await using RunningServer server = await StartAsync(processor, asksForCertificate: true);
        using X509Certificate2 device = Certificates.Issue("device");
        using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint, protocol, device);

        await peer.SendAsync(Article);
        await peer.EndAsync();

        server.AssertClosed(CloseReason.PeerClosed);
        Assert.That(server.Counters.PacketsProcessed, Is.EqualTo(1));
        Assert.That(processor.CertificateSubjects, Is.EqualTo(["CN=device"]));
    }

    [Test]
    public async Task Client_without_a_valid_certificate_is_refused_nothing_is_fetched(
        [Values("missing", "expired", "of another authority")] string kind,
        [Values(SslProtocols.Tls12, SslProtocols.Tls13)] SslProtocols protocol)
    {
        using var elsewhere = new TcpListener(IPAddress.Loopback, 0);
        elsewhere.Start();
        string url = $"http://{elsewhere.LocalEndpoint}/";
        using var others = new TestCertificates("another authority");
        using X509Certificate2? device = kind switch
        {
            "missing" => null,
            "expired" => Certificates.Issue("device", validFor: TimeSpan.FromHours(-1), fetchFrom: url),
            _ => others.Issue("device", fetchFrom: url),
        };
        await using RunningServer server = await StartAsync(asksForCertificate: true, fetchFrom: url);

        long start = Stopwatch.GetTimestamp();
        try
        {
            // With TLS 1.3 the client's handshake ends before the server checks the certificate.
            using TlsPeer peer = await TlsPeer.ConnectAsync(server.Endpoint, protocol, device);
            await peer.SendAsync(Article);
            await peer.ClosedByServerAsync();
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            // The server has already closed the connection.
        }

        TimeSpan taken = Stopwatch.GetElapsedTime(start);

        server.AssertClosed(CloseReason.TlsFailed);
        Assert.That(server.Counters.BytesReceived, Is.Zero);
        Assert.That(taken.TotalSeconds, Is.LessThan(1), "the server does not wait for an answer from the certificate's URLs");
        Assert.That(elsewhere.Pending(), Is.False, "a connection to the certificates' URLs");
        AssertQuietLog(server);
    }
}
