using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using DotNettyFraming.Tests.Harness;

namespace DotNettyFraming.Tests.LoadClient;

/// <summary>Whole runs with TLS, against a stand-in that decrypts with .NET's own streams.</summary>
[CancelAfter(60_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TlsRunTests : IDisposable
{
    private readonly TestCertificates _certificates = new();

    public void Dispose() => _certificates.Dispose();

    [Test]
    public async Task Packets_arrive_exactly_and_the_end_is_said(
        [Values("epoll", "sockets")] string transport, [Values(SslProtocols.Tls12, SslProtocols.Tls13)] SslProtocols protocol)
    {
        using X509Certificate2 certificate = _certificates.Issue();
        var server = new TlsStandIn(certificate) { Protocol = protocol };
        await using var listener = new StandInServer(server.ServeAsync);

        ClientRun run = await ClientRun.AgainstAsync(
            listener.Port,
            $"--transport {transport} --connections 5 --packets 5000 --packets-per-write 100 --tls --tls-ca {_certificates.AuthorityFile}");
        await listener.ServedAllAsync();

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(server.Bytes, Is.EqualTo(5000 * 32));
        Assert.That(server.OrderlyEnds, Is.EqualTo(5));
        Assert.That(run.Number("packets.sent"), Is.EqualTo(5000));
        Assert.That(run.Number("bytes.sent"), Is.EqualTo(5000 * 32), "bytes are counted before they are encrypted");
        Assert.That(run.Number("connections.ended.Completed"), Is.EqualTo(5));
    }

    [Test]
    public async Task Certificate_of_another_authority_is_refused()
    {
        using var others = new TestCertificates("somebody else");
        using X509Certificate2 certificate = others.Issue();
        await using var listener = new StandInServer(new TlsStandIn(certificate).ServeAsync);

        ClientRun run = await ClientRun.AgainstAsync(
            listener.Port, $"--connections 3 --packets 3 --tls --tls-ca {_certificates.AuthorityFile}");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(
            run.Error,
            Does.Match(@"\Ano connection could be made to 127\.0\.0\.1:\d+: 3 attempts failed \(3 TLS: .*certificate.*\)\r?\n\z"));
        Assert.That(run.Number("connections.failed"), Is.EqualTo(3));
        Assert.That(run.Number("connections.connected"), Is.Zero);
    }

    [Test]
    public async Task Certificate_for_another_host_is_refused()
    {
        using X509Certificate2 certificate = _certificates.Issue(host: "elsewhere.example");
        await using var listener = new StandInServer(new TlsStandIn(certificate).ServeAsync);

        ClientRun run = await ClientRun.AgainstAsync(
            listener.Port, $"--connections 1 --packets 1 --tls --tls-ca {_certificates.AuthorityFile}");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.Contain("RemoteCertificateNameMismatch"));
    }

    [Test]
    public async Task Client_certificate_is_shown_to_a_server_that_asks(
        [Values(false, true)] bool asPfx)
    {
        using X509Certificate2 certificate = _certificates.Issue();
        var server = new TlsStandIn(certificate) { AsksForCertificate = true };
        await using var listener = new StandInServer(server.ServeAsync);
        string own;
        if (asPfx)
        {
            using X509Certificate2 device = _certificates.Issue("device");
            own = $"--tls-certificate {_certificates.PathOf("device.pfx")}";
            await File.WriteAllBytesAsync(_certificates.PathOf("device.pfx"), device.Export(X509ContentType.Pfx));
        }
        else
        {
            (string file, string key) = _certificates.IssueFiles("device");
            own = $"--tls-certificate {file} --tls-key {key}";
        }

        ClientRun run = await ClientRun.AgainstAsync(
            listener.Port, $"--connections 1 --packets 10 --tls --tls-ca {_certificates.AuthorityFile} {own}");
        await listener.ServedAllAsync();

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(server.ClientNames, Is.EqualTo(new[] { "CN=device" }));
    }

    [Test]
    public async Task Intermediate_certificates_are_sent_and_nothing_is_fetched([Values(false, true)] bool asPfx)
    {
        await using var named = new StandInServer(StandInServer.ReadToEnd);
        using var intermediate = new TestCertificates("intermediate", _certificates);
        string url = $"http://127.0.0.1:{named.Port}/ca.crt";
        string own;
        if (asPfx)
        {
            using X509Certificate2 device = intermediate.Issue("device", fetchFrom: url);
            using X509Certificate2 issuer = X509CertificateLoader.LoadCertificateFromFile(intermediate.AuthorityFile);
            own = $"--tls-certificate {intermediate.PathOf("device.pfx")}";
            await File.WriteAllBytesAsync(
                intermediate.PathOf("device.pfx"), new X509Certificate2Collection { device, issuer }.Export(X509ContentType.Pfx)!);
        }
        else
        {
            (string file, string key) = intermediate.IssueFiles("device", fetchFrom: url);
            await File.AppendAllTextAsync(file, "\n" + await File.ReadAllTextAsync(intermediate.AuthorityFile));
            own = $"--tls-certificate {file} --tls-key {key}";
        }

        using X509Certificate2 certificate = _certificates.Issue();
        using X509Certificate2 root = X509CertificateLoader.LoadCertificateFromFile(_certificates.AuthorityFile);
        var server = new TlsStandIn(certificate) { AsksForCertificate = true, Authority = root };
        await using var listener = new StandInServer(server.ServeAsync);

        ClientRun run = await ClientRun.AgainstAsync(
            listener.Port, $"--connections 1 --packets 10 --tls --tls-ca {_certificates.AuthorityFile} {own}");
        await listener.ServedAllAsync();

        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(server.ClientNames, Is.EqualTo(new[] { "CN=device" }));
        Assert.That(named.Connections, Is.Empty, "nothing is asked for at the address that the certificate names");
    }

    [Test]
    public async Task Server_that_speaks_no_tls_fails_the_attempts_and_nothing_hangs()
    {
        await using var server = new StandInServer(async connection =>
        {
            await connection.ReadAsync();
            await connection.Socket.SendAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
            await connection.ReadToEndAsync();
        });

        ClientRun run = await ClientRun.AgainstAsync(
            server.Port, $"--connections 2 --packets 2 --tls --tls-ca {_certificates.AuthorityFile}");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Error, Does.Contain("2 attempts failed (2 "));
    }

    [TestCase("--tls --tls-ca /nowhere/ca.pem", 1, "--tls-ca: '/nowhere/ca.pem' cannot be used: ")]
    [TestCase("--tls --tls-ca {0}", 1, "--tls-ca: '{0}' cannot be used: it has no certificate in PEM")]
    [TestCase("--tls --tls-certificate {0}", 1, "--tls-certificate: '{0}' cannot be used: ")]
    [TestCase("--tls-ca {0}", 2, "--tls-ca: needs --tls")]
    [TestCase("--tls --tls-key {0}", 2, "--tls-key: needs --tls-certificate")]
    public async Task Faulty_file_or_option_is_one_line_that_names_it(string arguments, int exitCode, string message)
    {
        string file = _certificates.Write("empty.txt", "nothing of use");

        ClientRun run = await ClientRun.WithAsync($"--port 1 {arguments.Replace("{0}", file, StringComparison.Ordinal)}");

        Assert.That(run.ExitCode, Is.EqualTo(exitCode));
        Assert.That(run.Error, Does.StartWith(message.Replace("{0}", file, StringComparison.Ordinal)));
        Assert.That(run.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
    }

    /// <summary>A server for the encrypted connections.</summary>
    private sealed class TlsStandIn(X509Certificate2 certificate)
    {
        private long _bytes;
        private int _orderlyEnds;

        public SslProtocols Protocol { get; init; }

        public bool AsksForCertificate { get; init; }

        /// <summary>The authority that must have signed client certificates; null accepts every client.</summary>
        public X509Certificate2? Authority { get; init; }

        public long Bytes => Interlocked.Read(ref _bytes);

        /// <summary>The number of connections that ended with a TLS close_notify.</summary>
        public int OrderlyEnds => Volatile.Read(ref _orderlyEnds);

        public List<string> ClientNames { get; } = [];

        public async Task ServeAsync(StandInServer.Connection connection)
        {
            await using var stream = new SslStream(new NetworkStream(connection.Socket, ownsSocket: true));
            try
            {
                await stream.AuthenticateAsServerAsync(
                    new SslServerAuthenticationOptions
                    {
                        ServerCertificate = certificate,
                        EnabledSslProtocols = Protocol,
                        ClientCertificateRequired = AsksForCertificate,
                        CertificateChainPolicy = Authority is null ? null : new X509ChainPolicy
                        {
                            TrustMode = X509ChainTrustMode.CustomRootTrust,
                            CustomTrustStore = { Authority },
                            RevocationMode = X509RevocationMode.NoCheck,
                            DisableCertificateDownloads = true,
                        },
                        RemoteCertificateValidationCallback = (_, shown, _, faults) =>
                            Authority is null ? shown is not null || !AsksForCertificate : faults == SslPolicyErrors.None,
                    },
                    connection.Stopped);
            }
            catch (Exception e) when (e is AuthenticationException or IOException)
            {
                return; // the client refused
            }

            if (stream.RemoteCertificate is { } client)
            {
                lock (ClientNames)
                {
                    ClientNames.Add(client.Subject);
                }
            }

            byte[] buffer = new byte[16 * 1024];
            while (await stream.ReadAsync(buffer, connection.Stopped) is var length and > 0)
            {
                Interlocked.Add(ref _bytes, length);
            }

            Interlocked.Increment(ref _orderlyEnds);
        }
    }
}
